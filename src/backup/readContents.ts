import { hash } from "node:crypto";

import type { ClientBase } from "pg";

import { catalogSnapshotWithin } from "../database/catalogSnapshot.ts";

/** What a database holds, as far as a restored one can be compared with it. */
export interface DatabaseContents {
  /** The name of the database. */
  database: string;
  /** As `server_version`. */
  postgres: string;
  /** The migration that ran last. */
  migration: RanMigration;
  /** SHA-256 of the catalogue's snapshot: tables, policies, grants, owners, triggers, functions. */
  catalog: string;
  /** The audit's last checkpoint; null where nothing was sealed yet. */
  checkpoint: string | null;
  /** Its root, in hex: no other database has it. */
  checkpointRoot: string | null;
  /** How many rows each table has, a partitioned one by its partitions. */
  rows: Record<string, number>;
}

export interface RanMigration {
  file: string;
  /** graphile-migrate's: of the migration and all before it. */
  hash: string;
}

/** Holds extensions and nothing of ours: the set-up makes it, and no dump has to. */
export const EXTENSIONS_SCHEMA = "extensions";

const TABLES = `\
select c.oid::regclass::text as name
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', '${EXTENSIONS_SCHEMA}')
order by c.oid::regclass::text collate "C"`;

/**
 * Reads it all, every row of every table.
 *
 * @param client in a transaction (repeatable read) of a role that row security does not hold; its search_path is another
 *   one afterwards.
 * @throws where row security would hide rows: a backup without them would look whole.
 */
export async function readContents(client: ClientBase): Promise<DatabaseContents> {
  await client.query("set local row_security to off");
  const catalog = hash("sha256", await catalogSnapshotWithin(client), "hex");
  const { rows: facts } = await client.query<Pick<DatabaseContents, "database" | "postgres">>(
    "select current_database()::text as database, current_setting('server_version') as postgres",
  );
  const [{ database, postgres } = { database: "", postgres: "" }] = facts;
  const { rows: tables } = await client.query<{ name: string }>(TABLES);
  const names = tables.map(({ name }) => name);
  if (!names.includes("graphile_migrate.migrations")) {
    throw new Error(
      `The database ${database} has no schema of Bailiwick's: 'npx bailiwick migrate up' makes it.`,
    );
  }
  const rows = await countRows(client, names);
  const migration = (await readLastMigration(client)) ?? { file: "", hash: "" };
  return { database, postgres, migration, catalog, ...(await lastCheckpoint(client)), rows };
}

/** The migration that ran last, in a database that graphile-migrate knows; null before the first. */
export async function readLastMigration(client: ClientBase): Promise<RanMigration | null> {
  const { rows } = await client.query<RanMigration>(
    "select m.filename as file, m.hash from graphile_migrate.migrations m order by m.filename desc limit 1",
  );
  return rows[0] ?? null;
}

/** In one statement, and so of one moment. */
async function countRows(client: ClientBase, names: readonly string[]): Promise<Record<string, number>> {
  // The names come quoted from the catalogue, with their schemas: nothing else is on the search_path.
  const counts = names.map((name) => `(select count(*) from only ${name})`);
  const { rows } = await client.query<{ counts: string[] }>(`select array[${counts.join(", ")}] as counts`);
  return Object.fromEntries(names.map((name, index) => [name, Number(rows[0]?.counts[index])]));
}

async function lastCheckpoint(
  client: ClientBase,
): Promise<Pick<DatabaseContents, "checkpoint" | "checkpointRoot">> {
  const { rows } = await client.query<Pick<DatabaseContents, "checkpoint" | "checkpointRoot">>(
    `\
select c.sequence::text as checkpoint, encode(c.root, 'hex') as "checkpointRoot"
from app_audit.checkpoints c order by c.sequence desc limit 1`,
  );
  return rows[0] ?? { checkpoint: null, checkpointRoot: null };
}
