import { describe, expect, it } from "@jest/globals";
import pg from "pg";
import { pino } from "pino";

import { makeBootCheck, openings } from "../../src/access/bootCheck.ts";
import { loadRules } from "../../src/access/rules.ts";
import { readOwnWaivers } from "../../src/access/waivers.ts";
import { createWorld } from "../../src/access/world/world.ts";
import { useTestDatabase } from "../support/database.ts";

const db = useTestDatabase();
const rules = await loadRules();
const waivers = await readOwnWaivers();

/** What the gateway would refuse for, after this happened to its database. Everything is rolled back. */
async function openingsAfter(sabotage: string): Promise<string[]> {
  return db.inTransaction(async (client) => {
    await client.query(sabotage);
    await client.query("set local session authorization app_authenticator");
    return openings(client, rules, waivers);
  });
}

describe("the boot check", () => {
  it("is content with our own schema, over the gateway's connection", async () => {
    const pool = new pg.Pool({ connectionString: db.urls.gateway, max: 1 });
    db.beforeDrop(() => pool.end());
    const check = makeBootCheck(pool, pino({ level: "silent" }));

    await expect(check.assertProtected()).resolves.toBeUndefined();
    await expect(check.isProtected()).resolves.toBe(true);
  });

  it("refuses within one probe interval after row security was switched off, and serves again after it is back", async () => {
    const pool = new pg.Pool({ connectionString: db.urls.gateway, max: 1 });
    db.beforeDrop(() => pool.end());
    const probe = () => makeBootCheck(pool, pino({ level: "silent" })).isProtected();

    await db.superuser.query("alter table app_public.patients disable row level security");
    expect(await probe()).toBe(false);
    await db.superuser.query("alter table app_public.patients enable row level security");
    expect(await probe()).toBe(true);
  });

  it.each([
    [
      "row security off",
      "alter table app_public.patients disable row level security",
      /^0001\S+ app_public\.patients:/,
    ],
    [
      "not forced",
      "alter table app_public.patients no force row level security",
      /^0003\S+ app_public\.patients:/,
    ],
    [
      "a partition without",
      "create table app_audit.stray partition of app_audit.events for values from ('2001-01-01') to ('2001-02-01')",
      /^0002\S+ app_audit\.stray:/,
    ],
    ["a request role that bypasses", "alter role app_user bypassrls", /^0070\S+ app_user: bypasses/],
    [
      "a superuser behind the login",
      "grant postgres to app_authenticator",
      /^0072\S+ postgres to app_authenticator: a superuser/,
    ],
    [
      "a login that inherits",
      "alter role app_authenticator inherit createrole",
      /^0071\S+ app_authenticator:/,
    ],
    [
      "a view of its owner",
      "create view app_public.stray as select id from app_public.patients",
      /^0040\S+ app_public\.stray:/,
    ],
    [
      "a materialized view",
      "create materialized view app_public.stray as select id from app_public.patients; grant select on app_public.stray to app_user",
      /^0041\S+ app_public\.stray:/,
    ],
    [
      "a definer function for all",
      "create function app_public.stray() returns bigint language sql security definer as 'select 1::bigint'; grant execute on function app_public.stray() to public",
      /^0051\S+ app_public\.stray\(\):/,
    ],
    [
      "truncate",
      "grant truncate on app_public.patients to app_user",
      /^0061\S+ app_public\.patients to app_user:/,
    ],
    [
      "a grant to everybody",
      "grant select (id) on app_public.patients to public",
      /^0062\S+ app_public\.patients:/,
    ],
    [
      "a policy without the tenant",
      "drop policy tenant_boundary on app_public.patients; create policy stray on app_public.patients for select to app_user using (true)",
      /^0013\S+ app_public\.patients\.stray:/,
    ],
  ])("refuses: %s", async (_what, sabotage, expected) => {
    expect(await openingsAfter(sabotage)).toContainEqual(expect.stringMatching(expected));
  });

  it("refuses when a stranger sees rows, however well the policy reads", async () => {
    await createWorld(db.superuser);

    const problems = await openingsAfter(`
      alter policy tenant_boundary on app_public.patients using (organization_id <> gen_random_uuid());
      create policy stray on app_public.patients for select to app_user
        using (organization_id <> gen_random_uuid() and (select auth.uid()) is not null)`);

    expect(problems).toEqual(["app_user as a person who does not exist sees rows of app_public.patients"]);
  });
});
