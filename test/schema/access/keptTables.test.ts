import { beforeAll, expect, it } from "@jest/globals";

import { createFullWorld } from "../../../src/access/world/fullWorld.ts";
import { useTestDatabase } from "../../support/database.ts";
import { outcomes, ROW_SECURITY, type Statement } from "./outcomes.ts";

/** Tables that app_definer keeps whole (all_definer): the servers' functions are the only way to them, whatever a row holds. */
const db = useTestDatabase();

beforeAll(async () => {
  await createFullWorld(db);
});

/** These say what a row has to be; see unwrittenRows.test.ts and serverTables.test.ts. */
const WITH_A_CONDITION = [
  "app_audit.legal_holds",
  "app_audit.retention_policies",
  "app_private.job_effects",
  "app_private.maintenance_reports",
  "app_private.worker_heartbeats",
  "app_public.job_dead_letters",
];

/** Lets a row in that has nothing but its defaults. */
const withoutConstraints = (table: string): Statement[] => [
  [`alter table ${table} disable trigger user`],
  [
    `do $$
     declare
       v_name name;
     begin
       for v_name in
         select conname from pg_catalog.pg_constraint
         where conrelid = '${table}'::regclass and contype in ('p', 'u', 'x', 'c', 'f')
       loop
         execute format('alter table ${table} drop constraint %I cascade', v_name);
       end loop;
       for v_name in
         select attname from pg_catalog.pg_attribute
         where attrelid = '${table}'::regclass and attnum > 0 and attnotnull and attidentity = ''
       loop
         execute format('alter table ${table} alter %I drop not null', v_name);
       end loop;
     end
     $$`,
  ],
];

it("shows app_definer every row of each, and takes any", async () => {
  const { rows: tables } = await db.superuser.query<{ name: string }>(
    `select p.polrelid::regclass::text as name from pg_catalog.pg_policy p
     where p.polname = 'all_definer' and p.polrelid::regclass::text <> all ($1)
     order by name`,
    [WITH_A_CONDITION],
  );
  expect(tables.length).toBeGreaterThan(12);
  for (const { name } of tables) {
    const { rows } = await db.superuser.query<{ count: number }>(`select count(*)::int from ${name}`);
    const row: Statement = [`insert into ${name} default values`];
    const before = [...withoutConstraints(name), row];
    const settings = { role: "app_definer" };
    expect([
      name,
      await outcomes(db, { settings, table: name, before }, [[`select from ${name}`], row]),
    ]).toEqual([name, [(rows[0]?.count ?? 0) + 1, 1]]);
    // Nobody else has a policy there to read by, whatever was granted.
    if (name.startsWith("app_private.")) {
      for (const role of ["app_user", "app_worker", "app_anonymous"]) {
        const others = { settings: { role }, table: name, before };
        expect([name, role, await outcomes(db, others, [[`select from ${name}`], row])]).toEqual([
          name,
          role,
          [0, ROW_SECURITY],
        ]);
      }
    }
  }
});
