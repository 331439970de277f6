import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";

import { reapplyFixtures } from "../../src/database/reapplyFixtures.ts";
import { useTestDatabase } from "../support/database.ts";

const db = useTestDatabase();
const TIMEOUT = 60_000;

const dropped = async () => {
  const { rows } = await db.superuser.query(
    "select from pg_catalog.pg_policy where polrelid = 'app_public.patients'::regclass and polname = 'tenant_boundary'",
  );
  return rows.length === 0;
};

describe("migrate reapply", () => {
  it(
    "has nothing to put back where nothing was changed: fixtures and committed migrations agree",
    async () => {
      expect(await reapplyFixtures(db.urls)).toBeNull();
    },
    TIMEOUT,
  );

  it(
    "tells what was changed by hand, and changes nothing as a dry run; then puts it back",
    async () => {
      const names = await db.superuser.query<{ definition: string }>(
        "select pg_get_functiondef('app_hidden.my_organization_ids()'::regprocedure) as definition",
      );
      const definition = names.rows[0]?.definition ?? "";
      await db.superuser.query(`
      drop policy tenant_boundary on app_public.patients;
      create policy opened on app_public.patients for select to app_user using (true);
      alter table app_public.clinics disable row level security;
      grant delete on app_public.patients to app_anonymous;
      create or replace function app_hidden.my_organization_ids() returns setof uuid as $$
        select o.id from app_public.organizations o;
      $$ language sql stable security definer set search_path to '';
    `);

      const told = await reapplyFixtures(db.urls, { dryRun: true });
      expect(told).toMatch(/^\+ table app_public\.patients: policy tenant_boundary /m);
      expect(told).toMatch(/^- table app_public\.patients: policy opened /m);
      expect(told).toMatch(/^- table app_public\.clinics .*NO ROW SECURITY/m);
      expect(told).toMatch(/^- table app_public\.patients: grant delete to app_anonymous/m);
      expect(told).toMatch(/^\+ function app_hidden\.my_organization_ids\(\) .* plpgsql /m);
      expect(await dropped()).toBe(true);

      expect(await reapplyFixtures(db.urls)).toBe(told);
      expect(await dropped()).toBe(false);
      const { rows } = await db.superuser.query(
        `select pg_get_functiondef('app_hidden.my_organization_ids()'::regprocedure) = $1 as "isBack",
         c.relrowsecurity as "isEnabled", has_table_privilege('app_anonymous', 'app_public.patients', 'delete') as "isGranted"
       from pg_catalog.pg_class c where c.oid = 'app_public.clinics'::regclass`,
        [definition],
      );
      expect(rows).toEqual([{ isBack: true, isEnabled: true, isGranted: false }]);
      expect(await reapplyFixtures(db.urls)).toBeNull();
    },
    TIMEOUT,
  );

  it(
    "names the fixture that fails, and leaves everything as it was",
    async () => {
      await db.superuser.query(`
      drop policy tenant_boundary on app_public.patients;
      alter table app_public.clinics owner to app_definer;
    `);
      await expect(reapplyFixtures(db.urls)).rejects.toThrow(/^\S+\.sql: must be owner of/);
      expect(await dropped()).toBe(true);
      await db.superuser.query("alter table app_public.clinics owner to app_owner");
      await reapplyFixtures(db.urls);
    },
    TIMEOUT,
  );

  it("refuses a database of an earlier or a later state", async () => {
    // Goes with the run's cluster, however the run ends.
    const folder = mkdtempSync(join(db.config.database.dataDir, "migrations-"));
    mkdirSync(join(folder, "committed"));
    writeFileSync(join(folder, "committed", "000001-foundation.sql"), "");
    await expect(reapplyFixtures(db.urls, { migrationsFolder: folder })).rejects.toThrow(
      /has run 000002\.sql, .*take later changes back/,
    );
    const latest = "(select max(filename) from graphile_migrate.migrations)";
    await db.superuser.query(`delete from graphile_migrate.migrations where filename = ${latest}`);
    await expect(reapplyFixtures(db.urls)).rejects.toThrow(/has not run \d+\.sql: .*migrate up/);
  });
});
