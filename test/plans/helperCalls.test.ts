import { beforeAll, describe, expect, it } from "@jest/globals";

import {
  createClinic,
  createMember,
  createOrganization,
  createPatient,
} from "../../src/access/world/people.ts";
import { createWorld, type World } from "../../src/access/world/world.ts";
import { type Actor, useTestDatabase } from "../support/database.ts";

/** As many as make a call for each of them stand out. */
const OTHERS = 30;
const COUNTED = "select coalesce(sum(calls), 0)::int from pg_catalog.pg_stat_xact_user_functions";

const db = useTestDatabase();
let world: World;
let tables: string[];
const before = new Map<string, Record<string, number>>();

/** How often each function ran for the first rows of every table, by table. */
async function countCalls(actor: Actor): Promise<Record<string, number>> {
  const calls: Record<string, number> = {};
  for (const table of tables) {
    await db.asUser(
      actor,
      async (request) => {
        const sum = () => request.value<number>(COUNTED);
        // What the connection counted in earlier transactions may still be there.
        const known = (await sum()) ?? 0;
        await request.attempt(`select 1 from ${table} limit 20`);
        calls[table] = ((await sum()) ?? 0) - known;
      },
      { purposeOfUse: "support" },
    );
  }
  return calls;
}

beforeAll(async () => {
  // Connections that are opened from now on count.
  await db.superuser.query(`alter database ${db.name} set track_functions = 'all'`);
  world = await createWorld(db.superuser);
  const { rows } = await db.superuser.query<{ name: string }>(
    `select c.oid::regclass::text as name
     from pg_catalog.pg_class c
     where c.relnamespace in ('app_public'::regnamespace, 'app_vault'::regnamespace)
     and c.relkind in ('r', 'p') and has_any_column_privilege('app_user', c.oid, 'select')
     order by 1`,
  );
  tables = rows.map(({ name }) => name);
  before.set("provider", await countCalls(world.here.provider));
  before.set("owner", await countCalls(world.owner));
  for (let count = 0; count < OTHERS; count++) {
    const clinic = await createClinic(db.superuser, await createOrganization(db.superuser, `Other ${count}`));
    await createMember(db.superuser, clinic, "provider");
    await createPatient(db.superuser, clinic);
  }
}, 60_000);

describe("what policies ask for a statement", () => {
  it.each(["provider", "owner"] as const)(
    "does not grow with the organizations of the installation, for the %s",
    async (kind) => {
      const actor = kind === "provider" ? world.here.provider : world.owner;
      const asked = before.get(kind) ?? {};
      // Nothing would be as little, too: it has to be counted at all.
      expect(asked["app_public.patients"]).toBeGreaterThan(3);
      expect(tables.length).toBeGreaterThan(30);
      const now = await countCalls(actor);
      // Another plan may ask for another branch of a policy, but for none of them once for each organization.
      expect(tables.filter((table) => (now[table] ?? 0) - (asked[table] ?? 0) >= OTHERS)).toEqual([]);
    },
  );
});
