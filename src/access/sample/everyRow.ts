import type { ClientBase, Pool } from "pg";

/** Every row of one table. */
export interface TableRows {
  table: string;
  /** The columns of the primary key. */
  key: string[];
  rows: SampleRow[];
}

export interface SampleRow {
  /** Its primary key as text. */
  key: string;
  /** The row as Postgres writes a value of the table's type. */
  literal: string;
}

/** Tables of the application's schemas with a primary key, partitions in their parents. */
const KEYED_TABLES = `
select c.oid::regclass::text as table,
  array(
    select quote_ident(a.attname) from pg_catalog.pg_attribute a
    where a.attrelid = c.oid and a.attnum = any (i.indkey::int2[]) order by a.attnum
  ) as key
from pg_catalog.pg_class c
join pg_catalog.pg_index i on i.indrelid = c.oid and i.indisprimary
where c.relnamespace::regnamespace::text ~ '^app_' and c.relkind in ('r', 'p') and not c.relispartition
order by 1`;

/**
 * All rows of all tables: for small databases such as the demo's.
 *
 * @param client an administrative connection, which row security does not hold.
 */
export async function everyRow(client: ClientBase | Pool): Promise<TableRows[]> {
  const { rows: tables } = await client.query<Omit<TableRows, "rows">>(KEYED_TABLES);
  const found: TableRows[] = [];
  for (const { table, key } of tables) {
    const { rows } = await client.query<SampleRow>(
      `select row(${key.map((column) => `t.${column}`).join(", ")})::text as key, t::text as literal
       from ${table} t order by 1`,
    );
    found.push({ table, key, rows });
  }
  return found;
}
