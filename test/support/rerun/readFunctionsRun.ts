import { withClient } from "../../../src/database/withClient.ts";

/**
 * Functions of a database that have run to their end since it was made, and those of which Postgres cannot tell: it does not count a
 * function in SQL that it may have written into the statement that calls it. Needs `track_functions = 'all'`.
 *
 * @returns them as `schema.name(types)`.
 */
export function readFunctionsRun(url: string): Promise<Set<string>> {
  return withClient(url, async (client) => {
    await client.query("set search_path to pg_catalog");
    const { rows } = await client.query<{ name: string }>(
      `select p.oid::regprocedure::text as name
       from pg_proc p
       join pg_namespace n on n.oid = p.pronamespace
       join pg_language l on l.oid = p.prolang
       left join pg_stat_user_functions s on s.funcid = p.oid
       where n.nspname not in ('pg_catalog', 'information_schema')
       and (s.calls > 0 or (l.lanname = 'sql' and not p.prosecdef and p.proconfig is null))`,
    );
    return new Set(rows.map(({ name }) => name));
  });
}
