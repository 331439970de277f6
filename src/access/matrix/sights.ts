import type { Client } from "pg";

import type { MatrixActor } from "./actors.ts";
import { ANY_RELATION, type MatrixLine, REFUSED } from "./matrixLine.ts";
import { keyOf, readKeys } from "./probedSql.ts";
import { grantedColumns, type ProbedTable } from "./readTables.ts";
import { type Place, type Relation, RELATIONS, type Relations, type Row } from "./relations.ts";
import { type Answer, runStatements } from "./runStatements.ts";

/** What is the same for everybody who tries. */
export interface ProbedDatabase {
  tables: readonly ProbedTable[];
  /** Every row of every table. */
  rows: ReadonlyMap<string, readonly Row[]>;
  relations: Relations;
}

/** A table as one actor has it. */
export interface Sight {
  table: ProbedTable;
  place: Place;
  /** Its rows, by what they are to the actor. */
  groups: ReadonlyMap<Relation, readonly Row[]>;
  rows: readonly Row[];
  /** What tells its rows apart, of what the actor may read. */
  keyColumns: readonly string[];
  /** Keys of the rows that the actor reads. */
  seen: ReadonlySet<string>;
  /** How many rows that is; null when reading is refused. */
  count: number | null;
}

const INSUFFICIENT_PRIVILEGE = "42501";

/** What a failure shows: refused by a grant or a policy, or by what the row would hold. */
export function failure({ state }: Pick<Answer, "state">): string {
  return state === INSUFFICIENT_PRIVILEGE ? REFUSED : `constraint ${state}`;
}

/** `full`, `some 1/3` or `none`. */
export function share(part: number, whole: number): string {
  return part === 0 ? "none" : part >= whole ? "full" : `some ${part}/${whole}`;
}

/** Reads each table as the actor. @returns what they see, and a line for each relation. */
export async function readSights(
  client: Client,
  actor: MatrixActor,
  database: ProbedDatabase,
  tables: readonly ProbedTable[],
): Promise<{ sights: Sight[]; lines: MatrixLine[] }> {
  const place = { ...database.relations.placeOf(actor.userId), ...actor.place };
  const keys = tables.map((table) => keyColumns(table, grantedColumns(table, "select", actor.role)));
  const answers = await runStatements(
    client,
    tables.map((table, index) => ({ sql: "", asks: readKeys(table, keys[index] ?? []) })),
  );
  const sights = tables.map((table, index) =>
    makeSight(database, place, table, keys[index] ?? [], answers[index] as Answer),
  );
  const lines = sights.flatMap((sight, index) => selectLines(sight, actor.who, answers[index] as Answer));
  return { sights, lines };
}

/** The primary key; without the right to read it, and of a view, everything that may be read. */
function keyColumns({ isView, primaryKey }: ProbedTable, readable: readonly string[]): readonly string[] {
  const isReadable = !isView && primaryKey.length > 0 && primaryKey.every((name) => readable.includes(name));
  return isReadable ? primaryKey : readable;
}

function makeSight(
  { rows, relations }: ProbedDatabase,
  place: Place,
  table: ProbedTable,
  columns: readonly string[],
  { value }: Answer,
): Sight {
  const read = Array.isArray(value) ? (value as unknown[][]) : [];
  const seen = new Set(read.map((key) => JSON.stringify(key)));
  // What a view shows may be made for whoever asks: then its rows are known from the asking alone.
  const known = new Set((rows.get(table.name) ?? []).map((row) => keyOf(row, columns)));
  const own = read
    .filter((key) => table.isView && !known.has(JSON.stringify(key)))
    .map((key) => Object.fromEntries(columns.map((name, index) => [name, key[index]])));
  const found = Map.groupBy([...(rows.get(table.name) ?? []), ...own], (row) =>
    relations.relationOf(table, row, place),
  );
  const groups = new Map(RELATIONS.map((relation) => [relation, found.get(relation) ?? []] as const));
  for (const [relation, group] of groups) {
    if (group.length === 0) {
      groups.delete(relation);
    }
  }
  const count = value === null ? null : Array.isArray(value) ? read.length : Number(value);
  return { table, place, groups, rows: [...groups.values()].flat(), keyColumns: columns, seen, count };
}

function selectLines(
  { table, groups, keyColumns: columns, seen, count }: Sight,
  who: string,
  answer: Answer,
) {
  const line = (relation: string, outcome: string): MatrixLine => ({
    table: table.name,
    command: "select",
    relation,
    who,
    outcome,
  });
  if (count === null) {
    return [line(ANY_RELATION, failure(answer))];
  }
  return [...groups].map(([relation, rows]) =>
    line(relation, share(rows.filter((row) => seen.has(keyOf(row, columns))).length, rows.length)),
  );
}

/** Rows of the other tenants first and of the own one next, of those that the actor does not see. */
export function unseenRows({ groups, keyColumns: columns, seen }: Sight): Row[] {
  return ["other organization", "other clinic", "shared by name", "same clinic"].flatMap((relation) =>
    (groups.get(relation as Relation) ?? []).filter((row) => !seen.has(keyOf(row, columns))).slice(0, 1),
  );
}
