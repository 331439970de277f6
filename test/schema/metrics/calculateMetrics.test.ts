import { beforeAll, describe, expect, it } from "@jest/globals";

import { type Kind, KINDS } from "../../../src/access/world/kinds.ts";
import { createPatient } from "../../../src/access/world/people.ts";
import { applySettings } from "../../../src/access/world/rolledBack.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { type Request, useTestDatabase } from "../../support/database.ts";
import { asKind, countTouched } from "../../support/kinds.ts";

const OF_FULL_WORLD: readonly Kind[] = ["breakGlass", "tokenHolder"];
const db = useTestDatabase();
let world: World;

/** Toronto is five hours behind UTC in January: 04:30Z is still the day before. */
const APPOINTMENTS = [
  ["2026-01-13T04:30Z", "completed"],
  ["2026-01-13T15:00Z", "completed"],
  ["2026-01-13T16:00Z", "cancelled"],
  ["2026-01-13T17:00Z", "no_show"],
  ["2026-01-14T04:59Z", "booked"],
] as const;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  const { clinic, provider, patient } = world.here;
  const newcomer = await createPatient(db.superuser, clinic);
  const tenant = [clinic.organizationId, clinic.id];
  await db.superuser.query("delete from app_public.care_sessions where clinic_id = $1", [clinic.id]);
  for (const [startsAt, status] of APPOINTMENTS) {
    await db.superuser.query(
      `insert into app_public.appointments (organization_id, clinic_id, patient_id, provider_id, during, status)
       values ($1, $2, $3, $4, tstzrange($5::timestamptz, $5::timestamptz + interval '1 minute'), $6)`,
      [...tenant, patient.id, provider.userId, startsAt, status],
    );
  }
  await db.superuser.query(
    `insert into app_public.care_sessions
       (organization_id, clinic_id, patient_id, provider_id, started_at, ended_at, status, cost_cents)
     values ($1, $2, $3, $5, '2025-12-01 15:00Z', '2025-12-01 16:00Z', 'completed', null),
       ($1, $2, $3, $5, '2026-01-13 15:00Z', '2026-01-13 16:00Z', 'completed', 12050),
       ($1, $2, $3, $5, '2026-01-13 18:00Z', '2026-01-13 19:00Z', 'completed', null),
       ($1, $2, $4, $5, '2026-01-13 20:00Z', '2026-01-13 21:00Z', 'completed', 8000),
       ($1, $2, $4, $5, '2026-01-13 22:00Z', null, 'in_progress', 99999)`,
    [...tenant, patient.id, newcomer.id, provider.userId],
  );
});

const calculate = (request: Request, clinicId = world.here.clinic.id) =>
  request.value<number>("select app_public.calculate_metrics('2026-01-01', '2026-01-31', $1)", [clinicId]);

/** What was derived, as `day key value`. */
async function derived(request: Request): Promise<string[]> {
  const rows = await request.rows<{ line: string }>(
    `select to_char(m.starts_on, 'MM-DD ') || m.metric_key || ' ' || m.sum::bigint as line
     from app_public.metric_aggregations m where m.source = 'derived' and m.period = 'day' and m.clinic_id = $1
     order by 1`,
    [world.here.clinic.id],
  );
  return rows.map(({ line }) => line);
}

describe("calculate_metrics", () => {
  it("counts real appointments and care sessions by the clinic's own days", () =>
    db.asUser(world.here.staff, async (request) => {
      expect(await calculate(request)).toBe(12);
      expect(await derived(request)).toEqual([
        "01-12 appointments_booked 1",
        "01-12 appointments_cancelled 0",
        "01-12 appointments_completed 1",
        "01-12 appointments_no_show 0",
        "01-13 appointments_booked 4",
        "01-13 appointments_cancelled 1",
        "01-13 appointments_completed 1",
        "01-13 appointments_no_show 1",
        "01-13 care_sessions_completed 3",
        "01-13 patients_new 1",
        "01-13 patients_seen 2",
        "01-13 revenue 20050",
      ]);
    }));

  it("changes nothing the second time, and follows what changed in between", () =>
    db.asUser(world.here.staff, async (request) => {
      await calculate(request);
      expect(await calculate(request)).toBe(0);
      await request.rows(
        `update app_public.appointments set during = tstzrange('2026-01-20 15:00Z', '2026-01-20 15:01Z')
         where status = 'booked' and starts_at < '2026-02-01'`,
      );
      expect(await calculate(request)).toBe(5);
      const lines = await derived(request);
      expect(lines).toContain("01-13 appointments_booked 3");
      expect(lines).toContain("01-20 appointments_booked 1");
    }));

  it("removes the figures of a day on which nothing is left", () =>
    db.asUser(world.here.staff, async (request) => {
      await calculate(request);
      await request.become(world.here.provider);
      await request.rows(
        `update app_public.care_sessions set started_at = '2026-02-13 15:00Z', ended_at = '2026-02-13 16:00Z'
         where started_at between '2026-01-01' and '2026-02-01' and status = 'completed'`,
      );
      await request.become(world.here.staff);
      await calculate(request);
      expect((await derived(request)).filter((line) => /revenue|patients|care/.test(line))).toEqual([]);
    }));

  it("leaves what was entered by hand alone", () =>
    db.asUser(world.here.staff, async (request) => {
      await request.rows(
        `insert into app_public.financial_metrics (organization_id, clinic_id, metric_key, day, value)
         values ($1, $2, 'revenue', '2026-01-13', 1)`,
        [world.own, world.here.clinic.id],
      );
      await calculate(request);
      const sums = await request.rows(
        `select source::text, sum::text from app_public.metric_aggregations
         where metric_key = 'revenue' and period = 'month' and clinic_id is not null order by 1`,
      );
      expect(sums).toEqual([
        { source: "derived", sum: "20050.00" },
        { source: "manual", sum: "1.00" },
      ]);
    }));

  const MAY: readonly Kind[] = ["clinicAdmin", "provider", "staff", "owner", "admin"];
  it.each(KINDS.filter((kind) => !OF_FULL_WORLD.includes(kind)))(
    "as %s: only who works in the clinic or runs it",
    async (kind) => {
      const count = await asKind(db, world, kind, (request) =>
        countTouched(
          request,
          "select app_public.calculate_metrics('2026-01-01', '2026-01-31', $1)",
          [world.here.clinic.id],
          ["42501", "NTFND"],
        ),
      );
      expect(count).toBe(MAY.includes(kind) ? 1 : 0);
    },
  );

  it("gives who runs the organization the same figures, without the records", () =>
    db.asUser(world.owner, async (request) => {
      expect(await request.value("select count(*)::int from app_public.appointments")).toBe(0);
      expect(await calculate(request)).toBe(12);
    }));

  it.each([
    ["2026-02-01", "2026-01-01"],
    ["1990-01-01", "2026-01-01"],
    [null, "2026-01-01"],
    ["2026-01-01", null],
  ])("refuses the period from %s to %s", (first, last) =>
    db.asUser(world.here.staff, (request) =>
      expect(
        request.rows("select app_public.calculate_metrics($1, $2, $3)", [first, last, world.here.clinic.id]),
      ).rejects.toMatchObject({ code: "BADIN" }),
    ),
  );
});

it("calculate_metrics wants a clinic, where the request names none", () =>
  db.asUser(world.here.staff, (request) =>
    expect(
      request.rows("select app_public.calculate_metrics('2026-01-01', '2026-01-31', null)"),
    ).rejects.toMatchObject({ code: "BADIN" }),
  ));

describe("calculate_organization_metrics", () => {
  const all = (request: Request, organizationId: string) =>
    request.value<number>("select app_hidden.calculate_organization_metrics($1)", [organizationId]);

  it("calculates everything there is for a job in its organization, and nothing elsewhere", () =>
    db.asWorker(world.own, async (request) => {
      expect(await all(request, world.own)).toBeGreaterThan(12);
      expect(await all(request, world.own)).toBe(0);
      expect(await all(request, world.foreign)).toBe(0);
    }));

  /** How much is put right of an organization whose kept figures are wrong. */
  const putRight = (organizationId: string) =>
    db.inTransaction(async (client) => {
      await client.query(
        `insert into app_public.metric_aggregations
           (organization_id, clinic_id, area, metric_key, source, period, starts_on, sum, count)
         select organization_id, id, 'financial', 'revenue', 'manual', 'day', '2026-01-13', 1, 1
         from app_public.clinics where organization_id = $1 limit 1`,
        [organizationId],
      );
      await applySettings(client, { role: "app_worker", "app.organization_id": world.own });
      const { rows } = await client.query<{ changed: number }>(
        "select app_hidden.calculate_organization_metrics($1, '2026-01-13', '2026-01-13') as changed",
        [organizationId],
      );
      return rows[0]?.changed;
    });

  it("puts wrong figures right, and none of an organization that is not the job's", async () => {
    expect(await putRight(world.own)).toBeGreaterThan(0);
    expect(await putRight(world.foreign)).toBe(0);
  });

  it("does so for an import in the organizations it declared", () =>
    db.asData([world.own], async (request) => {
      expect(await all(request, world.own)).toBeGreaterThan(12);
      expect(await all(request, world.foreign)).toBe(0);
    }));

  it("gives a job one line in the queue for each organization", () =>
    db.asWorker(world.own, async (request) => {
      expect(await request.value("select app_hidden.enqueue_metric_calculations()")).toBe(2);
    }));
});
