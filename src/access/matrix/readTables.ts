import type { ClientBase } from "pg";

/** A key that a row can collide with, or a reference that it makes. */
export interface TableKey {
  name: string;
  columns: string[];
}

export interface TableReference extends TableKey {
  target: string;
  targetColumns: string[];
}

export interface TableColumn {
  name: string;
  type: string;
  /** The roles of requests and servers that may use it, by command. */
  select: string[];
  insert: string[];
  update: string[];
}

/** What the catalogue says of a table: its shape and its grants, never its policies. */
export interface ProbedTable {
  /** With its schema. */
  name: string;
  isView: boolean;
  columns: TableColumn[];
  /** The roles that may delete from it. */
  deletedBy: string[];
  primaryKey: string[];
  /** Unique indexes and exclusion constraints, the primary key among them. */
  keys: TableKey[];
  references: TableReference[];
}

export const ROLES = ["app_user", "app_anonymous", "app_worker", "app_data"];
/** Nobody signs in or asks as one of these: functions act with their rights. */
export const FUNCTION_ROLES = ["app_definer", "app_share_reader"] as const;

const TABLES = `
with wanted as (
  select c.oid, c.oid::pg_catalog.regclass::text as name, c.relkind in ('v', 'm') as is_view
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname like 'app\\_%' and c.relkind in ('r', 'p', 'v', 'm', 'f')
  and (not c.relispartition or exists (
    select from pg_catalog.unnest($1::text[]) as role
    where pg_catalog.has_any_column_privilege(role, c.oid, 'select, insert, update')
    or pg_catalog.has_table_privilege(role, c.oid, 'delete')
  ))
)
select
  w.name,
  w.is_view as "isView",
  (
    select pg_catalog.json_agg(pg_catalog.json_build_object(
      'name', a.attname,
      'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
      'select', g.roles -> 'select', 'insert', g.roles -> 'insert', 'update', g.roles -> 'update'
    ) order by a.attnum)
    from pg_catalog.pg_attribute a
    cross join lateral (
      select pg_catalog.jsonb_object_agg(command, roles) as roles
      from pg_catalog.unnest(array['select', 'insert', 'update']) as command
      cross join lateral (
        select coalesce(pg_catalog.jsonb_agg(role), '[]') as roles
        from pg_catalog.unnest($2::text[]) as role
        where pg_catalog.has_column_privilege(role, w.oid, a.attnum, command)
      ) granted
    ) g
    where a.attrelid = w.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
  ) as columns,
  coalesce((
    select pg_catalog.json_agg(role)
    from pg_catalog.unnest($2::text[]) as role
    where pg_catalog.has_table_privilege(role, w.oid, 'delete')
  ), '[]') as "deletedBy",
  coalesce((
    select pg_catalog.json_agg(a.attname order by k.position)
    from pg_catalog.pg_index i
    cross join lateral pg_catalog.unnest(i.indkey) with ordinality as k (attnum, position)
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
    where i.indrelid = w.oid and i.indisprimary
  ), '[]') as "primaryKey",
  coalesce((
    select pg_catalog.json_agg(
      pg_catalog.json_build_object('name', x.relname, 'columns', k.columns) order by x.relname)
    from pg_catalog.pg_index i
    join pg_catalog.pg_class x on x.oid = i.indexrelid
    cross join lateral (
      select pg_catalog.json_agg(a.attname order by u.position) as columns
      from pg_catalog.unnest(i.indkey[0:i.indnkeyatts - 1]) with ordinality as u (attnum, position)
      join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.attnum
    ) k
    where i.indrelid = w.oid and (i.indisunique or i.indisexclusion) and 0 <> all (i.indkey)
  ), '[]') as keys,
  coalesce((
    select pg_catalog.json_agg(pg_catalog.json_build_object(
      'name', f.conname,
      'columns', (
        select pg_catalog.json_agg(a.attname order by u.position)
        from pg_catalog.unnest(f.conkey) with ordinality as u (attnum, position)
        join pg_catalog.pg_attribute a on a.attrelid = f.conrelid and a.attnum = u.attnum
      ),
      'target', f.confrelid::pg_catalog.regclass::text,
      'targetColumns', (
        select pg_catalog.json_agg(a.attname order by u.position)
        from pg_catalog.unnest(f.confkey) with ordinality as u (attnum, position)
        join pg_catalog.pg_attribute a on a.attrelid = f.confrelid and a.attnum = u.attnum
      )
    ) order by f.conname)
    from pg_catalog.pg_constraint f
    where f.conrelid = w.oid and f.contype = 'f' and f.conparentid = 0
  ), '[]') as references
from wanted w
order by w.name
`;

/** Every table and view of the application's schemas, in alphabetical order. */
export async function readTables(client: ClientBase): Promise<ProbedTable[]> {
  // With nothing else on the path, Postgres prints every name with its schema.
  await client.query("set local search_path to pg_catalog");
  const { rows } = await client.query<ProbedTable>(TABLES, [ROLES, [...ROLES, ...FUNCTION_ROLES]]);
  return rows;
}

/** The columns that a role may use in a command. */
export function grantedColumns(
  table: ProbedTable,
  command: "select" | "insert" | "update",
  role: string,
): string[] {
  return table.columns.filter((column) => column[command].includes(role)).map(({ name }) => name);
}
