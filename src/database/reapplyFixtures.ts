import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import type { ClientBase } from "pg";

import { catalogSnapshotWithin, describeCatalogDrift } from "./catalogSnapshot.ts";
import type { DatabaseUrls } from "./databaseUrls.ts";
import { migrationNumber } from "./isSchemaCurrent.ts";
import { withMigrationLock } from "./migrationLock.ts";
import { MIGRATIONS_FOLDER } from "./migrationsFolder.ts";
import { withClient } from "./withClient.ts";

export interface ReapplyOptions {
  /** Tell what would change, and change nothing. */
  dryRun?: boolean;
  migrationsFolder?: string;
}

const INCLUDED = /^--! Included (\S+\.sql)$/gm;
/** Every table is locked for the second or two that it takes: rather not at all than behind somebody's long transaction. */
const LOCK_TIMEOUT = "10s";
/** Of lines that are told: all of them, within reason. */
const LINES = 500;

/**
 * Runs every fixture once more, in the order in which the committed migrations took them in, in one transaction as the
 * schema's owner: policies, row security, grants, triggers and functions are then as the repository says, whatever has been
 * done to them by hand (R56). What no fixture names stays: an object of somebody else, a role's attributes, rows.
 *
 * @returns what has changed, as lines of the catalogue's snapshot with `-` (before) and `+` (now); null when nothing had to.
 * @throws where the database has not run exactly the committed migrations: the fixtures are of their state.
 */
export async function reapplyFixtures(
  { owner, superuser }: Pick<DatabaseUrls, "owner" | "superuser">,
  { dryRun = false, migrationsFolder = MIGRATIONS_FOLDER }: ReapplyOptions = {},
): Promise<string | null> {
  const committed = await readCommitted(migrationsFolder);
  const fixtures = await readFixtures(migrationsFolder, committed);
  return withMigrationLock(superuser, async (administrator) => {
    // Asked by the administrator: in a database without a schema there is no owner yet.
    await assertSameMigrations(administrator, committed);
    return withClient(owner, async (client) => {
      await client.query("begin");
      await client.query(`set local lock_timeout to '${LOCK_TIMEOUT}'`);
      const before = await catalogSnapshotWithin(client);
      await client.query("set local search_path to default");
      for (const { name, text } of fixtures) {
        await client.query(text).catch((error: Error) => {
          throw new Error(`${name}: ${error.message}`, { cause: error });
        });
      }
      const after = await catalogSnapshotWithin(client);
      await client.query(dryRun ? "rollback" : "commit");
      return describeCatalogDrift(before, after, LINES) ?? null;
    });
  });
}

async function readCommitted(migrationsFolder: string): Promise<string[]> {
  const names = await readdir(join(migrationsFolder, "committed"));
  return names.filter((name) => migrationNumber(name) !== undefined).sort();
}

/** Each once, where it was first taken in: what it builds on came before. */
async function readFixtures(
  migrationsFolder: string,
  committed: readonly string[],
): Promise<{ name: string; text: string }[]> {
  const names = new Set<string>();
  for (const file of committed) {
    const text = await readFile(join(migrationsFolder, "committed", file), "utf8");
    [...text.matchAll(INCLUDED)].forEach(([, name = ""]) => names.add(name));
  }
  return Promise.all(
    [...names].map(async (name) => ({
      name,
      text: await readFile(join(migrationsFolder, "fixtures", name), "utf8"),
    })),
  );
}

async function assertSameMigrations(client: ClientBase, committed: readonly string[]): Promise<void> {
  const { rows: tables } = await client.query<{ exists: boolean }>(
    "select to_regclass('graphile_migrate.migrations') is not null as exists",
  );
  if (!tables[0]?.exists) {
    throw new Error("This database has no schema yet. Run 'npx bailiwick migrate up' first.");
  }
  const { rows } = await client.query<{ filename: string }>(
    "select filename from graphile_migrate.migrations order by filename",
  );
  const expected = committed.map((name) => `${migrationNumber(name)}.sql`);
  const ran = rows.map(({ filename }) => filename);
  const pending = expected.filter((name) => !ran.includes(name));
  const ahead = ran.filter((name) => !expected.includes(name));
  if (pending.length > 0) {
    throw new Error(
      `This database has not run ${pending.join(", ")}: the fixtures are of a later state. Run 'npx bailiwick migrate up' first.`,
    );
  }
  if (ahead.length > 0) {
    throw new Error(
      `This database has run ${ahead.join(", ")}, which this release does not have: its fixtures would take later changes back.`,
    );
  }
}
