import type { TestDatabase } from "./database.ts";

/**
 * What the connections that serve requests did last: process, start and time of the last statement. Nothing took one in
 * between where everything seen afterwards was seen before; an idle one may have gone.
 */
export async function requestConnections(db: TestDatabase): Promise<string[]> {
  const { rows } = await db.superuser.query<{ seen: string }>(
    `select format('%s %s %s', pid, backend_start, query_start) as seen
     from pg_catalog.pg_stat_activity
     where datname = $1 and application_name like 'bailiwick-gateway%'
     order by seen`,
    [db.name],
  );
  return rows.map(({ seen }) => seen);
}
