import { beforeAll, describe, expect, it } from "@jest/globals";

import { createFullWorld } from "../../../src/access/world/fullWorld.ts";
import type { World } from "../../../src/access/world/world.ts";
import { type Request, useTestDatabase } from "../../support/database.ts";
import { countTouched } from "../../support/kinds.ts";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createFullWorld(db);
});

/** Tables of the API in which a role may read anything, and the column that says whose a row is. */
async function readableTables(role: string): Promise<{ name: string; tenant: string }[]> {
  const { rows } = await db.superuser.query<{ name: string; tenant: string }>(
    `select c.oid::regclass::text as name, a.attname as tenant
     from pg_catalog.pg_class c
     join pg_catalog.pg_attribute a
       on a.attrelid = c.oid
       and a.attname = case c.relname when 'organizations' then 'id' else 'organization_id' end
     where c.relnamespace = 'app_public'::regnamespace and c.relkind in ('r', 'p')
     and has_any_column_privilege($1, c.oid, 'select')
     order by name`,
    [role],
  );
  return rows;
}

async function countOf(table: string, tenant: string, organizationId: string): Promise<number> {
  const { rows } = await db.superuser.query(`select count(*)::int from ${table} where ${tenant} = $1`, [
    organizationId,
  ]);
  return rows[0].count;
}

type RunAs = (organizationId: string, work: (request: Request) => Promise<void>) => Promise<void>;

describe.each<[string, string, number, RunAs]>([
  ["the worker", "app_worker", 8, (organizationId, work) => db.asWorker(organizationId, work)],
  ["an import", "app_data", 20, (organizationId, work) => db.asData([organizationId], work)],
])("%s", (_title, role, least, runAs) => {
  it("sees every row of the organization it works for, and no other, in each table it may read", async () => {
    const tables = await readableTables(role);
    expect(tables.length).toBeGreaterThan(least);
    for (const organizationId of [world.own, world.foreign]) {
      await runAs(organizationId, async (request) => {
        for (const { name, tenant } of tables) {
          const seen = await request.rows(`select ${tenant} as tenant from ${name}`);
          expect([name, new Set(seen.map((row) => row.tenant))]).toEqual([name, new Set([organizationId])]);
          expect([name, seen.length]).toEqual([name, await countOf(name, tenant, organizationId)]);
        }
      });
    }
  });

  it("sees nothing of anybody when it has not said for whom it works", async () => {
    const tables = await readableTables(role);
    await runAs("", async (request) => {
      for (const { name } of tables) {
        expect([name, await request.attempt(`select from ${name}`)]).toEqual([name, 0]);
      }
    });
  });

  it("reaches nothing of the vault", () =>
    runAs(world.own, async (request) => {
      for (const table of ["encrypted_cycle_data", "device_keys", "healthcare_shares", "share_tokens"]) {
        await expect(request.attempt(`select from app_vault.${table}`)).rejects.toMatchObject({
          code: "42501",
        });
      }
    }));
});

describe("the worker", () => {
  it.each([
    [
      "notification",
      "notifications (organization_id, user_id, kind, subject_table, subject_id, effect_key)",
      "$1, $3, 'x', 'x', $2, 'new'",
    ],
    [
      "sync run",
      "integration_sync_runs (organization_id, clinic_id, integration_id)",
      "$1, $2, (select id from app_public.integrations where organization_id = $1 limit 1)",
    ],
    [
      "integration's value",
      "call_metrics (organization_id, clinic_id, metric_key, day, source, value)",
      "$1, $2, 'calls_missed', '2030-01-01', 'integration', 1",
    ],
    [
      "report",
      "reports (organization_id, clinic_id, period, starts_on, ends_on, figures)",
      "$1, $2, 'month', '2030-01-01', '2030-01-31', '[]'",
    ],
  ])("can write a %s of its organization, and cannot of another", async (_what, columns, values) => {
    const { clinic, provider } = world.here;
    const tenant = [world.own, clinic.id, provider.userId];
    // Every statement takes all three, whether it needs them or not.
    const sql = `insert into app_public.${columns} select ${values} from (select $1::uuid, $2::uuid, $3::uuid) as unused`;
    await db.asWorker(world.own, async (request) => {
      expect(await request.attempt(sql, tenant)).toBe(1);
    });
    await db.asWorker(world.foreign, async (request) => {
      expect(await countTouched(request, sql, tenant, ["42501", "23502"])).toBe(0);
    });
  });

  it.each([
    "update app_public.appointments set status = 'cancelled'",
    "update app_public.care_sessions set summary = 'x'",
    "insert into app_public.patients (organization_id, home_clinic_id, mrn, given_name, family_name) values (gen_random_uuid(), gen_random_uuid(), 'x', 'x', 'x')",
    "select * from app_private.integration_credentials",
    "select * from app_private.password_hashes",
    "select * from app_audit.events",
    "set role app_data",
  ])("may not %s", (sql) =>
    db.asWorker(world.own, (request) =>
      expect(request.attempt(sql)).rejects.toMatchObject({ code: "42501" }),
    ),
  );
});
