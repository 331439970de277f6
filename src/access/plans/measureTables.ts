import type { ClientBase } from "pg";

/** What plans are judged by. */
export interface PlannedTables {
  /** Large table → the most rows that any tenant (an organization, or in the vault a person) has in it. */
  tenantRows: Map<string, number>;
  /** Index → the column that leads it; `tenant` for the one that says whose a row is. */
  leadingColumns: Map<string, string>;
}

/** Smaller tables are read whole, and rightly. */
const FEWEST_ROWS = 2000;

/** Rows that belong to nobody count with the largest tenant's where policies have an arm for both; the audit's do not. */
const READ_BY_BRANCHES = /^events(_|$)/;

const SCHEMAS = "('app_public'::regnamespace, 'app_vault'::regnamespace, 'app_audit'::regnamespace)";

/** Reads as superuser, after `vacuum analyze`. */
export async function measureTables(client: ClientBase): Promise<PlannedTables> {
  const tenantRows = new Map<string, number>();
  const { rows: tables } = await client.query<{ name: string; table: string; column: string }>(
    `select c.oid::regclass::text as name, c.relname as table,
       coalesce(max(a.attname) filter (where a.attname = 'organization_id'), 'user_id') as column
     from pg_catalog.pg_class c
     join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname in ('organization_id', 'user_id')
     where c.relnamespace in ${SCHEMAS} and c.relkind = 'r' and c.reltuples >= $1
     group by c.oid`,
    [FEWEST_ROWS],
  );
  for (const { name, table, column } of tables) {
    const { rows } = await client.query<{ most: number; nobodys: number }>(
      `select coalesce(max(n) filter (where tenant is not null), 0)::int as most,
         coalesce(max(n) filter (where tenant is null), 0)::int as nobodys
       from (select ${column} as tenant, count(*) as n from ${name} group by ${column}) t`,
    );
    const { most = 0, nobodys = 0 } = rows[0] ?? {};
    tenantRows.set(table, READ_BY_BRANCHES.test(table) ? most : most + nobodys);
  }
  return { tenantRows, leadingColumns: await readLeadingColumns(client) };
}

async function readLeadingColumns(client: ClientBase): Promise<Map<string, string>> {
  const { rows } = await client.query<{ name: string; column: string }>(
    `select c.relname as name, regexp_replace(
       pg_get_indexdef(i.indexrelid, 1, true), '^(organization_id|user_id)$', 'tenant'
     ) as column
     from pg_catalog.pg_index i
     join pg_catalog.pg_class c on c.oid = i.indexrelid and c.relnamespace in ${SCHEMAS}`,
  );
  return new Map(rows.map(({ name, column }) => [name, column]));
}
