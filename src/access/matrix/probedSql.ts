import { escapeIdentifier, escapeLiteral } from "pg";

import type { ProbedTable } from "./readTables.ts";
import type { Row } from "./relations.ts";

/** What tells a row from the others, by the columns that a role may read. */
export type KeyColumns = readonly string[];

const names = (columns: readonly string[]) => columns.map((name) => escapeIdentifier(name)).join(", ");
const json = (value: unknown) => `${escapeLiteral(JSON.stringify(value))}::jsonb`;
const key = (columns: KeyColumns) =>
  `jsonb_build_array(${columns.map((name) => `t.${escapeIdentifier(name)}`)})`;

/** The key of a row as it comes out of `readKeys`, as text that can be compared. */
export function keyOf(row: Row, columns: KeyColumns): string {
  return JSON.stringify(columns.map((name) => row[name] ?? null));
}

export function readKeys({ name }: ProbedTable, columns: KeyColumns): string {
  return columns.length === 0
    ? `select to_jsonb(count(*)) from ${name}`
    : `select coalesce(jsonb_agg(${key(columns)}), '[]') from ${name} t`;
}

export function countRows({ name }: ProbedTable): string {
  return `select to_jsonb(count(*)) from ${name}`;
}

function whichRows(rows: readonly Row[], columns: KeyColumns): string {
  const keys = rows.map((row) => columns.map((name) => row[name] ?? null));
  return columns.length === 0 ? "true" : `${key(columns)} in (select jsonb_array_elements(${json(keys)}))`;
}

/** A column's value from a row, as the column's type. */
function literal(table: ProbedTable, row: Row, column: string): string {
  return `(select r.${escapeIdentifier(column)} from jsonb_populate_record(null::${table.name}, ${json(row)}) r)`;
}

/** Inserts the given columns of a row; the others take their defaults. */
export function insertRow(table: ProbedTable, row: Row, columns: readonly string[]): string {
  return `insert into ${table.name} (${names(columns)})
    select ${names(columns)} from jsonb_populate_record(null::${table.name}, ${json(row)})`;
}

/** Updates each of the rows; `set` for one column is a change to itself unless it says otherwise. */
export function updateRows(
  table: ProbedTable,
  set: string,
  rows: readonly Row[],
  columns: KeyColumns,
): string {
  return `update ${table.name} t set ${set} where ${whichRows(rows, columns)}`;
}

export const setToItself = (column: string) => `${escapeIdentifier(column)} = t.${escapeIdentifier(column)}`;

/** For a write that looks at no row: sets columns to what they are in a row that is known. */
export function setConstants(table: ProbedTable, row: Row, columns: readonly string[]): string {
  return columns.map((name) => `${escapeIdentifier(name)} = ${literal(table, row, name)}`).join(", ");
}

export function deleteRows(table: ProbedTable, rows: readonly Row[], columns: KeyColumns): string {
  return `delete from ${table.name} t where ${whichRows(rows, columns)}`;
}

/** Touches every row that the policies of writing leave open: without a condition, those of reading are not asked. */
export function updateBlindly({ name }: ProbedTable, set: string): string {
  return `update ${name} t set ${set}`;
}

export function deleteBlindly({ name }: ProbedTable): string {
  return `delete from ${name} t`;
}

/** Sets a column of no row: allowed or refused by the grant alone. */
export function updateNothing({ name }: ProbedTable, column: string): string {
  return `update ${name} set ${escapeIdentifier(column)} = null where false`;
}
