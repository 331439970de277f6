import { readdir } from "node:fs/promises";
import { join } from "node:path";

import type { Pool } from "pg";

import { MIGRATIONS_FOLDER } from "./migrationsFolder.ts";
import { withPgSettings } from "./withTenant.ts";

const COMMITTED_FILE = /^(\d{6,})\b.*\.sql$/;

/** graphile-migrate knows `000001-foundation.sql` as `000001.sql`. Undefined for what is no committed migration. */
export function migrationNumber(file: string): string | undefined {
  return COMMITTED_FILE.exec(file)?.[1];
}

/**
 * The migrations that the database has run, by number. Nothing else of how it was made is shown to a gateway.
 *
 * @param pool connections of the gateway's login role.
 * @throws where the database has never been migrated, or by a release that could not answer this yet.
 */
export async function readRanMigrations(pool: Pool): Promise<string[]> {
  return withPgSettings(pool, { role: "app_anonymous" }, async (client) => {
    const { rows } = await client.query<{ file: string }>("select app_hidden.ran_migrations() as file");
    return rows.flatMap(({ file }) => migrationNumber(file) ?? []).sort();
  });
}

/**
 * Whether the database has run every committed migration of this code. One that a later release has migrated further is
 * current too: during a deployment, instances of both releases serve.
 *
 * @param pool connections of the gateway's login role.
 * @throws where the database has never been migrated, or by a release that could not answer this yet.
 */
export async function isSchemaCurrent(pool: Pool, migrationsFolder = MIGRATIONS_FOLDER): Promise<boolean> {
  const names = await readdir(join(migrationsFolder, "committed"));
  const committed = names.flatMap((name) => migrationNumber(name) ?? []);
  const ran = new Set(await readRanMigrations(pool));
  return committed.every((number) => ran.has(number));
}
