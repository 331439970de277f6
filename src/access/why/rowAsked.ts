import { singularize, upperCamelCase } from "graphile-build";
import type { ClientBase } from "pg";

/** A row that a question about access is about. */
export interface RowAsked {
  /** Qualified and quoted as Postgres prints it, such as `app_public.patients`. */
  table: string;
  /** The value of its primary key, the first column of one that has several. */
  id: string;
  /** The whole row as Postgres writes a value of the table's type. */
  literal: string;
}

interface KeyedTable {
  table: string;
  name: string;
  key: string;
}

/** Tables of the application, those of the API first, each with the column by which a row is named. */
const KEYED_TABLES = `
select c.oid::regclass::text as table, c.relname as name, a.attname as key
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_index i on i.indrelid = c.oid and i.indisprimary
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
where n.nspname ~ '^app_' and c.relkind in ('r', 'p') and not c.relispartition
order by array_position('{app_public,app_vault,app_audit}', n.nspname::text), 1`;

/**
 * Finds the row that the words name: a node id of the API, or a table (`patients`, `app_vault.device_keys`) and an id.
 * Row security does not decide here: that the row is there has to be known before it can be said why it is not seen.
 *
 * @param client an administrative connection.
 * @param words one node id, or a table and an id.
 * @throws when there is no such table or row.
 */
export async function findRowAsked(client: ClientBase, words: string[]): Promise<RowAsked> {
  const { rows: tables } = await client.query<KeyedTable>(KEYED_TABLES);
  const [what = "", given] = words;
  const node = given === undefined ? parseNodeId(what) : null;
  if (given === undefined && node === null) {
    throw new Error(`'${what}' is no node id of the API; give one, or a table and the row's id.`);
  }
  const found = tables.find(({ table, name }) =>
    node ? typeNameOf(name) === node.type : [table, name].includes(what),
  );
  if (!found) {
    throw new Error(
      node
        ? `No table has the type '${node.type}'; give the table and the row's id instead.`
        : `There is no table '${what}' in the application's schemas.`,
    );
  }
  const id = node?.id ?? given ?? "";
  const { rows } = await client.query<{ literal: string }>(
    `select t::text as literal from ${found.table} t where t.${client.escapeIdentifier(found.key)}::text = lower($1)`,
    [id],
  );
  const [row] = rows;
  if (!row) {
    throw new Error(`${found.table} has no row '${id}'.`);
  }
  return { table: found.table, id, literal: row.literal };
}

function typeNameOf(table: string): string {
  return upperCamelCase(singularize(table));
}

function parseNodeId(text: string): { type: string; id: string } | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, "base64").toString("utf8"));
    const [type, id, ...more] = Array.isArray(value) ? (value as unknown[]) : [];
    return typeof type === "string" && typeof id === "string" && more.length === 0 ? { type, id } : null;
  } catch {
    return null;
  }
}
