import type { ClientBase } from "pg";

/**
 * New events belong to a new timeline from now on; the next seal ends the old one. No event is changed.
 *
 * @param client a connection of the tables' owner.
 * @returns the number of the new timeline.
 */
export async function beginTimeline(client: ClientBase): Promise<number> {
  const { rows } = await client.query<{ timeline: number }>(
    `select pg_get_expr(d.adbin, d.adrelid)::integer + 1 as timeline
     from pg_catalog.pg_attrdef d
     join pg_catalog.pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
     where d.adrelid = 'app_audit.events'::regclass and a.attname = 'timeline'`,
  );
  const timeline = rows[0]?.timeline;
  if (timeline === undefined) {
    throw new Error("app_audit.events has no timeline; are the migrations applied?");
  }
  // Waits for every transaction that has written events, and holds back those that want to.
  await client.query(`alter table app_audit.events alter column timeline set default ${timeline}`);
  return timeline;
}
