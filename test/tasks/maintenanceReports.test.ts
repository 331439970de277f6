import { beforeAll, expect, it } from "@jest/globals";

import { useTestDatabase } from "../support/database.ts";

/** What the nightly look at tables and indexes finds, and which tables it refreshes the statistics of. */
const db = useTestDatabase();
const ORGANIZATION = "00000000-0000-7000-8000-00000000000b";
const KEEP = "select app_hidden.keep_maintenance_report() as findings";

interface Finding {
  kind: string;
  object: string;
}

const TABLES = [
  // A fifth of its rows and more are dead.
  { name: "bloated", rows: 12_000, dead: 11_000 },
  // As many are, but not a fifth.
  { name: "large", rows: 70_000, dead: 10_500 },
  // Nobody minds in a table that small.
  { name: "small", rows: 200, dead: 100 },
];

// In a schema of their own, and by one connection, which counts what it has done when it is told to.
beforeAll(async () => {
  const client = await db.superuser.connect();
  try {
    await client.query("create schema looked_at");
    for (const { name, rows, dead } of TABLES) {
      await client.query(
        `create table looked_at.${name} (number int) with (autovacuum_enabled = false);
         insert into looked_at.${name} select generate_series(1, ${rows});
         delete from looked_at.${name} where number <= ${dead}`,
      );
    }
    await client.query(
      `create index read on looked_at.large (number);
       set enable_seqscan = off;
       select from looked_at.large where number = 70000`,
    );
    await client.query(
      `create index unread on looked_at.large (number);
       create unique index unread_key on looked_at.large (number);
       create index unread_small on looked_at.small (number)`,
    );
    await client.query("select pg_catalog.pg_stat_force_next_flush()");
  } finally {
    client.release(true);
  }
});

it("tables are found of which a fifth is dead rows, and large indexes that nothing was read through and that keep nothing unique", async () => {
  const findings = await db.asWorker(ORGANIZATION, (request) => request.value<Finding[]>(KEEP));
  expect(findings?.map(({ kind, object }) => ({ kind, object }))).toEqual([
    { kind: "bloated_table", object: "looked_at.bloated" },
    { kind: "unused_index", object: "looked_at.unread" },
  ]);
});

it("a report is kept for 90 nights", () =>
  db.inTransaction(async (client) => {
    await client.query(
      `insert into app_private.maintenance_reports (created_at, findings)
       select now() - make_interval(days => d), '[]' from unnest(array[91, 89]) d`,
    );
    await client.query("set local role app_worker");
    await client.query(KEEP);
    await client.query("reset role");
    const { rows } = await client.query(
      "select extract(day from now() - created_at)::int as days from app_private.maintenance_reports order by 1",
    );
    expect(rows).toEqual([{ days: 0 }, { days: 89 }]);
  }));

it("the statistics of a table of the application are refreshed", () =>
  db.asWorker(ORGANIZATION, (request) =>
    expect(request.attempt("select app_hidden.analyze_table('app_public.users')")).resolves.toBe(1),
  ));

it.each([
  ["is not the application's", "graphile_worker._private_jobs"],
  ["is the system's", "pg_catalog.pg_class"],
  ["is no table", "app_public.users_pkey"],
])("nothing is refreshed of what %s", (_what, object) =>
  db.asWorker(ORGANIZATION, (request) =>
    expect(request.attempt("select app_hidden.analyze_table($1)", [object])).rejects.toMatchObject({
      code: "BADIN",
    }),
  ),
);
