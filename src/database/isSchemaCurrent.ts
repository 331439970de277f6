import { readdir } from "node:fs/promises";
import { join } from "node:path";

import { MIGRATIONS_FOLDER } from "./migrateSettings.ts";
import { withClient } from "./withClient.ts";

/** graphile-migrate knows `000001-foundation.sql` as `000001.sql`. */
const COMMITTED_FILE = /^(\d{6,})\b.*\.sql$/;

/**
 * Whether the database has run every committed migration of this code. One that a later release has migrated further is
 * current too: during a deployment, instances of both releases serve.
 *
 * @param url a connection that may read `graphile_migrate.migrations`.
 */
export async function isSchemaCurrent(url: string, migrationsFolder = MIGRATIONS_FOLDER): Promise<boolean> {
  const names = await readdir(join(migrationsFolder, "committed"));
  const committed = names.flatMap((name) => COMMITTED_FILE.exec(name)?.[1] ?? []);
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ isCurrent: boolean }>(
      `\
select $1::text[] <@ array(select filename from graphile_migrate.migrations) as "isCurrent"`,
      [committed.map((number) => `${number}.sql`)],
    );
    return rows[0]?.isCurrent ?? false;
  });
}
