import type { ClientBase } from "pg";

import { isForeign, type TenantTable, withoutTriggers } from "./tenantRows.ts";

/** A string that stands in one column of the foreign tenant's rows and nowhere else. */
export interface Canary {
  marker: string;
  /** `schema.table.column` */
  column: string;
  /** Whether a request may read the column at all, in rows that are its own. */
  isReadable: boolean;
  rows: number;
}

const MARKER = /cnry[0-9a-z]{3}z/gi;
/** A run of characters that may be something encoded: a cursor, a global id, binary data. */
const ENCODED = /[A-Za-z0-9+/_-]{10,}={0,2}/g;
const HEX = /(?:[0-9a-f]{2}){8,}/gi;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;
const UUID_LENGTH = 36;
const MAXIMUM_DEPTH = 3;

/** For each type of column, expressions for its new value; {m} is the marker and {n} the number of the row. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  text: [
    "'{m} {n}'",
    "'{m}-{n}'",
    "'{m}{n}@example.com'",
    "encode('{m}', 'hex')",
    "encode('{m}', 'hex') || substring(encode(sha256('{n}'), 'hex') from 17)",
    "overlay({c} placing '{m}' from 1)",
  ],
  jsonb: [
    `jsonb_build_object('canary', '{m}')`,
    `jsonb_build_array('{m}')`,
    `jsonb_build_array(jsonb_build_object('startMs', 0, 'endMs', 1, 'speaker', '{m}', 'text', '{m}'))`,
    `regexp_replace({c}::text, ': *"[^"]*"', ': "{m}"', 'g')::jsonb`,
  ],
  bytea: [
    "overlay({c} placing '{m}'::bytea from 1)",
    "'{m}'::bytea || sha256('{n}')",
    "overlay(sha256('{n}') placing '{m}'::bytea from 1)",
  ],
  "text[]": ["array['{m} {n}']"],
};
const SAME_AS: Readonly<Record<string, string>> = {
  "character varying": "text",
  json: "jsonb",
  "character varying[]": "text[]",
};

/** Tries one expression after the other on each row, and goes on with the next row when none is accepted. */
const PLANT = `
  create or replace function pg_temp.plant(target text, columns text, condition text, marker text, expressions text[])
  returns integer
  language plpgsql as $$
  declare
    row_found record;
    expression text;
    written text;
    planted integer := 0;
  begin
    for row_found in execute format('select t.ctid, t.tableoid, row_number() over () as n from %s t where %s', target, condition) loop
      foreach expression in array expressions loop
        begin
          execute format('update %s t set %s = %s where ctid = $1 and tableoid = $2 returning %2$s::text',
            target, columns, replace(expression, '{n}', row_found.n::text))
            into strict written using row_found.ctid, row_found.tableoid;
          if written like '%' || marker || '%' or written like '%' || encode(marker::bytea, 'hex') || '%' then
            planted := planted + 1;
            exit;
          end if;
          raise exception 'Nothing of the marker is left.';
        exception when others then
          null;
        end;
      end loop;
    end loop;
    return planted;
  end
  $$`;

/**
 * Writes a canary into every column of the foreign tenant's rows that holds text, JSON or bytes, as far as the column's
 * own checks allow.
 *
 * @returns the canaries, also those of which no row took one.
 */
export async function plantCanaries(client: ClientBase, tables: readonly TenantTable[]): Promise<Canary[]> {
  const canaries: Canary[] = [];
  await client.query(PLANT);
  await withoutTriggers(client, async () => {
    for (const table of tables) {
      for (const { name, type, isKey, isReadable } of table.columns) {
        const expressions = VALUES[SAME_AS[type] ?? type];
        if (!expressions || isKey) {
          continue;
        }
        const marker = `cnry${canaries.length.toString(36).padStart(3, "0")}z`;
        const column = `"${name}"`;
        const filled = expressions.map((text) => text.replaceAll("{m}", marker).replaceAll("{c}", column));
        const { rows } = await client.query<{ count: number }>(
          "select pg_temp.plant($1, $2, $3, $4, $5) as count",
          [table.name, column, isForeign(table), marker, filled],
        );
        canaries.push({ marker, column: `${table.name}.${name}`, isReadable, rows: rows[0]?.count ?? 0 });
      }
    }
  });
  return canaries;
}

/** What is inside a text besides itself: decoded cursors, ids and bytes, and what those hold. */
function* layersOf(text: string, depth = MAXIMUM_DEPTH): Generator<string> {
  yield text;
  if (depth === 0) {
    return;
  }
  for (const [run] of text.matchAll(ENCODED)) {
    // Most are the ids of rows.
    if (run.length === UUID_LENGTH && run[8] === "-") {
      continue;
    }
    const decoded = Buffer.from(run, "base64").toString("latin1");
    if (isTelling(decoded)) {
      yield* layersOf(decoded, depth - 1);
    }
  }
  for (const [run] of text.matchAll(HEX)) {
    yield Buffer.from(run, "hex").toString("latin1");
  }
}

/** Most runs of letters are words; decoding their noise further finds nothing. */
function isTelling(decoded: string): boolean {
  return /cnry|[0-9a-f]{8}-|^[[{]/i.test(decoded);
}

/** Every marker in a text, however deep it is wrapped. */
export function markersIn(text: string): Set<string> {
  const found = new Set<string>();
  for (const layer of layersOf(text)) {
    for (const [marker] of layer.matchAll(MARKER)) {
      found.add(marker.toLowerCase());
    }
  }
  return found;
}

/** Every uuid in a text, however deep it is wrapped. */
export function uuidsIn(text: string): Set<string> {
  const found = new Set<string>();
  for (const layer of layersOf(text)) {
    for (const [uuid] of layer.matchAll(UUID)) {
      found.add(uuid.toLowerCase());
    }
  }
  return found;
}
