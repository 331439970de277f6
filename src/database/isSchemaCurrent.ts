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
 * Whether the database has run every committed migration of this code. One that a later release has migrated further is
 * current too: during a deployment, instances of both releases serve.
 *
 * @param pool connections of the gateway's login role.
 * @throws where the database has never been migrated, or by a release that could not answer this yet.
 */
export async function isSchemaCurrent(pool: Pool, migrationsFolder = MIGRATIONS_FOLDER): Promise<boolean> {
  const names = await readdir(join(migrationsFolder, "committed"));
  const committed = names.flatMap((name) => migrationNumber(name) ?? []);
  return withPgSettings(pool, { role: "app_anonymous" }, async (client) => {
    const { rows } = await client.query<{ isCurrent: boolean }>(
      `\
select $1::text[] <@ array(select app_hidden.ran_migrations()) as "isCurrent"`,
      [committed.map((number) => `${number}.sql`)],
    );
    return rows[0]?.isCurrent ?? false;
  });
}
