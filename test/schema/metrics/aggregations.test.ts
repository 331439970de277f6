import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import pg from "pg";

import {
  createAppointment,
  createCareSession,
  createMember,
  createPatient,
  joinClinic,
} from "../../../src/access/world/people.ts";
import { withPgSettings, withTenant } from "../../../src/database/withTenant.ts";
import { useTestDatabase } from "../../support/database.ts";
import { createPractice, findDrift, type Practice } from "./metricsWorld.ts";

const WRITERS = 8;
const CHANGES = 10_000;
const STATEMENTS_PER_TRANSACTION = 5;
const KEYS = {
  financial_metrics: ["expenses", "payments_received"],
  call_metrics: ["calls_received", "calls_missed"],
} as const;
const TABLES = ["financial_metrics", "call_metrics"] as const;

const db = useTestDatabase();
let gateway: pg.Pool;
let worker: pg.Pool;
let practices: Practice[];

beforeAll(async () => {
  gateway = new pg.Pool({ connectionString: db.urls.gateway, max: WRITERS });
  worker = new pg.Pool({ connectionString: db.urls.worker, max: 2 });
  practices = [await createPractice(db.superuser, 3), await createPractice(db.superuser, 2)];
  for (const { organizationId, clinics } of practices) {
    const { clinic, staff } = clinics[0]!;
    await joinClinic(db.superuser, staff, clinics[1]!.clinic, "staff");
    const patient = await createPatient(db.superuser, clinic);
    const provider = await createMember(db.superuser, clinic, "provider");
    const appointment = await createAppointment(
      db.superuser,
      clinic,
      patient,
      provider,
      "[2030-01-10 10:00Z,2030-01-10 11:00Z)",
    );
    await createCareSession(db.superuser, appointment);
    await db.superuser.query(
      `insert into app_public.goals (organization_id, clinic_id, name, area, metric_key, target, starts_on, ends_on)
       values ($1, $2, 'Clinic', 'financial', 'expenses', 100, '2030-01-05', '2030-01-20'),
         ($1, null, 'All', 'call', 'calls_received', 100, '2030-01-01', '2030-03-01')`,
      [organizationId, clinic.id],
    );
  }
});

/** The same numbers in every run: a failure can be looked into. */
function makeRandom(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % limit;
  };
}

/**
 * One insert, update or delete of up to nine days at once, in any of the clinics a person enters metrics for.
 *
 * @returns how many rows it changed.
 */
async function changeSome(
  client: pg.ClientBase,
  random: ReturnType<typeof makeRandom>,
  clinicIds: string[],
): Promise<number> {
  const table = TABLES[random(2)]!;
  const values = [clinicIds[random(clinicIds.length)], KEYS[table][random(2)], random(60), random(9)];
  const days = "day between date '2030-01-01' + $3::int and date '2030-01-01' + $3::int + $4::int";
  const amount = `${random(100_000)}.${random(100)}`;
  const kind = random(10);
  if (kind < 5) {
    const { rowCount } = await client.query(
      `insert into app_public.${table} as m (organization_id, clinic_id, metric_key, day, value)
       select c.organization_id, c.id, $2, date '2030-01-01' + $3::int + i, ${amount} + i
       from app_public.clinics c, generate_series(0, $4::int) i where c.id = $1
       on conflict (organization_id, clinic_id, day, metric_key, source) do update set value = m.value + excluded.value`,
      values,
    );
    return rowCount ?? 0;
  }
  const where = `where clinic_id = $1 and metric_key = $2 and source = 'manual' and ${days}`;
  const { rowCount } = await client.query(
    kind < 8
      ? `update app_public.${table} set value = value - ${amount} ${where}`
      : `delete from app_public.${table} ${where}`,
    values,
  );
  return rowCount ?? 0;
}

/** Changes metrics as one person, several statements to a transaction in no order; some are rolled back. */
async function writeAsPerson(seed: number): Promise<number> {
  const random = makeRandom(seed);
  const { organizationId, clinics } = practices[seed % practices.length]!;
  const { staff } = clinics[0]!;
  const clinicIds = [clinics[0]!.clinic.id, clinics[1]!.clinic.id];
  let changes = 0;
  while (changes < CHANGES / WRITERS) {
    const rollback = new Error("rolled back on purpose");
    await withTenant(
      gateway,
      { organizationId, userId: staff.userId, sessionId: staff.sessionId },
      async (client) => {
        for (let index = 0; index < STATEMENTS_PER_TRANSACTION; index += 1) {
          changes += await changeSome(client, random, clinicIds);
        }
        if (random(10) === 0) {
          throw rollback;
        }
      },
    ).catch((error: unknown) => {
      if (error !== rollback) {
        throw error;
      }
    });
  }
  return changes;
}

/** What the daily job does, again and again, between the people's changes. */
async function calculateMeanwhile(isOver: () => boolean): Promise<number[]> {
  const changed: number[] = [];
  while (!isOver()) {
    for (const { organizationId } of practices) {
      const { rows } = await withPgSettings(
        worker,
        { "app.organization_id": organizationId } as never,
        (client) =>
          client.query("select app_hidden.calculate_organization_metrics($1) as changed", [organizationId]),
      );
      changed.push(rows[0].changed);
    }
  }
  return changed;
}

describe("metric_aggregations and goal_progress", () => {
  // In here, so that it comes before the database is dropped.
  afterAll(() => Promise.all([gateway.end(), worker.end()]));

  it("equal a recomputation after 10,000 random inserts, updates and deletes by concurrent writers", async () => {
    let isOver = false;
    const calculating = calculateMeanwhile(() => isOver);
    const changes = await Promise.all(
      Array.from({ length: WRITERS }, (_, index) => writeAsPerson(index + 1)),
    ).finally(() => {
      isOver = true;
    });
    const corrections = await calculating;

    expect(changes.reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(CHANGES);
    const { drift, figures, rows } = await findDrift(db);
    expect(drift).toEqual([]);
    expect(figures).toBeGreaterThan(500);
    expect(rows).toBeGreaterThan(200);
    // The first calculation of each organization derives its rows; no later one found a figure to put right.
    expect(corrections.length).toBeGreaterThan(practices.length);
    expect(corrections.slice(practices.length).every((count) => count === 0)).toBe(true);
  }, 300_000);

  it("are put right by calculate_metrics() when somebody has tampered with them", async () => {
    const { organizationId, owner, clinics } = practices[0]!;
    const clinicId = clinics[0]!.clinic.id;
    await db.superuser.query(
      `insert into app_public.call_metrics (organization_id, clinic_id, metric_key, day, value)
       select $1, $2, 'call_minutes', date '2030-01-01' + i, i from generate_series(0, 59) i`,
      [organizationId, clinicId],
    );
    await db.superuser.query(
      `update app_public.metric_aggregations set sum = sum + 1 where organization_id = $1 and starts_on < '2030-01-20'`,
      [organizationId],
    );
    await db.superuser.query(
      `delete from app_public.metric_aggregations where organization_id = $1 and starts_on = '2030-02-01'`,
      [organizationId],
    );
    expect((await findDrift(db)).drift).not.toEqual([]);

    const calculate = () =>
      withTenant(gateway, { organizationId, userId: owner.userId }, async (client) => {
        const { rows } = await client.query(
          "select app_public.calculate_metrics('2030-01-01', '2030-03-31', $1) as changed",
          [clinicId],
        );
        return rows[0].changed as number;
      });
    expect(await calculate()).toBeGreaterThan(0);
    expect((await findDrift(db)).drift).toEqual([]);
    expect(await calculate()).toBe(0);
  });
});
