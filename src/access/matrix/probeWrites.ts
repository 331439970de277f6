import type { Client } from "pg";

import type { MatrixActor } from "./actors.ts";
import { DECLARATIONS } from "./declarations.ts";
import { freshRow, ownerColumns } from "./freshRow.ts";
import { ANY_RELATION, type MatrixLine } from "./matrixLine.ts";
import {
  countRows,
  deleteBlindly,
  deleteRows,
  insertRow,
  setConstants,
  setToItself,
  updateBlindly,
  updateNothing,
  updateRows,
} from "./probedSql.ts";
import { grantedColumns, type ProbedTable } from "./readTables.ts";
import type { Place, Relation, Row } from "./relations.ts";
import { type Answer, runStatements, type Statement } from "./runStatements.ts";
import { failure, type ProbedDatabase, share, type Sight } from "./sights.ts";

/** One try on one row, or on none in particular. */
interface Try extends Statement {
  command: string;
  relation: string;
  row?: Row;
  answer?: Answer;
}

/** What an actor can write of a table: examples that worked, for what is tried next. */
export interface Writes {
  sight: Sight;
  /** A row that the actor can insert; else one that they could if they were somebody else. */
  insertable: Row | undefined;
  /** A row that the actor can update. */
  updatable: Row | undefined;
  lines: MatrixLine[];
}

/** Of each relation, as many are tried. */
const INSERTS = 2;
const ROWS = 8;
/** Rows that the actor does not see. */
const UNSEEN = "unseen";

/** Inserts into, updates, moves and deletes from each table as the actor. Nothing of it stays. */
export async function probeWrites(
  client: Client,
  actor: MatrixActor,
  database: ProbedDatabase,
  sights: readonly Sight[],
): Promise<Writes[]> {
  const tries = sights.map((sight) => (sight.table.isView ? [] : triesOn(sight, actor, database)));
  const answers = await runStatements(
    client,
    tries.flat().map(({ sql, asks }) => ({ sql, ...(asks !== undefined && { asks }) })),
  );
  tries.flat().forEach((attempt, index) => (attempt.answer = answers[index] as Answer));
  return sights.map((sight, index) => {
    const own = tries[index] ?? [];
    const worked = (command: string) =>
      own.find((attempt) => attempt.command === command && touched(attempt) > 0);
    return {
      sight,
      insertable: worked("insert")?.row ?? own.find(({ command }) => command === "insert")?.row,
      updatable: worked("update")?.row,
      lines: linesOf(sight, actor.who, own),
    };
  });
}

/** A view has no grant for writing; one that has is a gap. */
function triesOn(sight: Sight, actor: MatrixActor, database: ProbedDatabase): Try[] {
  return [
    ...insertTries(sight, actor, database),
    ...updateTries(sight, actor),
    ...moveTries(sight, actor),
    ...deleteTries(sight, actor),
    ...blindTries(sight, actor),
  ];
}

const touched = ({ answer }: Try) => answer?.count ?? 0;

/** A command for which the role has no grant is tried once, on no row. */
const refusedTry = (command: string, sql: string): Try[] => [{ command, relation: ANY_RELATION, sql }];

function insertTries(
  { table, groups, count, place }: Sight,
  { role, userId }: MatrixActor,
  database: ProbedDatabase,
): Try[] {
  const columns = grantedColumns(table, "insert", role);
  if (columns.length === 0) {
    return refusedTry("insert", `insert into ${table.name} default values`);
  }
  const samples = [...groups.values()].flatMap((group) => group.slice(0, INSERTS));
  const [owner] = ownerColumns(table);
  const [other] = samples;
  if (owner === "user_id" && columns.includes(owner) && other !== undefined && !groups.has("own")) {
    // Of their own things, people that have none can still make one.
    samples.push({ ...other, user_id: userId });
  }
  return samples.map((row): Try => {
    const copy = freshRow(table, row, columns, database.rows);
    const fresh = { ...copy, ...DECLARATIONS[table.name]?.fresh?.(copy, userId) };
    return {
      command: "insert",
      relation: insertedRelation(database, table, { place, userId, row, fresh }),
      row: fresh,
      sql: insertRow(table, fresh, columns),
      ...(count !== null && { asks: countRows(table) }),
    };
  });
}

interface Inserted {
  place: Place;
  userId: string | null;
  /** The row that was copied, and the copy. */
  row: Row;
  fresh: Row;
}

/** What the new row is to the actor: whoever it does not name is themselves. */
function insertedRelation(
  { relations }: ProbedDatabase,
  table: ProbedTable,
  { place, userId, row, fresh }: Inserted,
): Relation {
  const relation = relations.relationOf(
    table,
    { ...(hasOwner(table) && { user_id: userId }), ...fresh },
    place,
  );
  const namesAnother =
    hasOwner(table) &&
    relations.relationOf(table, row, place) !== "own" &&
    hasParent(table, Object.keys(fresh));
  return relation === "own" && namesAnother ? "own with another's" : relation;
}

/** Whether a new row names something that belongs to somebody. */
const hasParent = ({ references }: ProbedTable, inserted: readonly string[]) =>
  references.some(
    ({ target, columns }) =>
      target.startsWith("app_vault.") &&
      columns.some((name) => name !== "user_id" && inserted.includes(name)),
  );

const hasOwner = ({ columns }: ProbedTable) => columns.some(({ name }) => name === "user_id");

function updateTries({ table, groups, keyColumns }: Sight, { role }: MatrixActor): Try[] {
  const granted = grantedColumns(table, "update", role);
  const readable = grantedColumns(table, "select", role);
  const [first] = granted;
  if (first === undefined) {
    const any = table.columns[0]?.name ?? "";
    return refusedTry("update", updateNothing(table, any));
  }
  const column = granted.find((name) => readable.includes(name)) ?? first;
  const set = DECLARATIONS[table.name]?.set ?? setToItself(column);
  return eachRow(groups, "update", (row) => updateRows(table, set, [row], keyColumns));
}

/** Into every other tenant of which there is a row to take the columns from. */
function moveTries({ table, groups, keyColumns }: Sight, { role }: MatrixActor): Try[] {
  const owners = ownerColumns(table);
  const granted = grantedColumns(table, "update", role).filter((name) => owners.includes(name));
  if (owners.length === 0) {
    return [];
  }
  if (granted.length === 0) {
    return owners.flatMap((name) => refusedTry("move", updateNothing(table, name)));
  }
  return [...groups].flatMap(([relation, rows]) => {
    const targets = [...groups].flatMap(([other, [target]]) =>
      other !== relation && target ? [target] : [],
    );
    return targets.map((target): Try => {
      const set = setConstants(table, target, granted);
      return { command: "move", relation, sql: updateRows(table, set, rows.slice(0, 1), keyColumns) };
    });
  });
}

function deleteTries({ table, groups, keyColumns }: Sight, { role }: MatrixActor): Try[] {
  if (!table.deletedBy.includes(role)) {
    return refusedTry("delete", `delete from ${table.name} where false`);
  }
  return eachRow(groups, "delete", (row) => deleteRows(table, [row], keyColumns));
}

function eachRow(
  groups: ReadonlyMap<Relation, readonly Row[]>,
  command: string,
  sql: (row: Row) => string,
): Try[] {
  return [...groups].flatMap(([relation, rows]) =>
    rows.slice(0, ROWS).map((row) => ({ command, relation, row, sql: sql(row) })),
  );
}

/** Each blind write, and the same with a condition that reads: what only the first touches is not seen by the actor. */
function blindTries({ table, groups, keyColumns }: Sight, { role }: MatrixActor): Try[] {
  const [sample] = [...groups.values()].flat();
  const unique = new Set(table.keys.flatMap(({ columns }) => columns));
  const granted = grantedColumns(table, "update", role);
  const column = granted.find((name) => !unique.has(name)) ?? granted[0];
  const [key] = keyColumns;
  const pairs: [string, string][] = [];
  if (column !== undefined && sample !== undefined) {
    pairs.push(["blind update", updateBlindly(table, setConstants(table, sample, [column]))]);
  }
  if (table.deletedBy.includes(role)) {
    pairs.push(["blind delete", deleteBlindly(table)]);
  }
  return pairs.flatMap(([command, sql]) => [
    { command, relation: UNSEEN, sql },
    {
      command,
      relation: "seen",
      sql: key === undefined ? `${sql} where false` : `${sql} where ${readsKey(key)}`,
    },
  ]);
}

const readsKey = (column: string) => `t.${JSON.stringify(column)} is not null`;

function linesOf({ table, count }: Sight, who: string, tries: readonly Try[]): MatrixLine[] {
  const lines: MatrixLine[] = [];
  for (const [command, ofCommand] of Map.groupBy(tries, (attempt) => attempt.command)) {
    const line = (relation: string, outcome: string) =>
      lines.push({ table: table.name, command, relation, who, outcome });
    if (command.startsWith("blind")) {
      const [blind, seeing] = ofCommand as [Try, Try];
      line(UNSEEN, blindOutcome(blind, seeing));
      continue;
    }
    for (const [relation, group] of Map.groupBy(ofCommand, (attempt) => attempt.relation)) {
      line(relation, outcomeOf(group));
    }
    if (command === "insert" && count !== null) {
      const unseen = ofCommand.filter((attempt) => touched(attempt) > 0 && attempt.answer?.value === count);
      if (ofCommand.some((attempt) => touched(attempt) > 0)) {
        lines.push({
          table: table.name,
          command: "blind insert",
          relation: UNSEEN,
          who,
          outcome: share(unseen.length, ofCommand.length),
        });
      }
    }
  }
  return lines;
}

function blindOutcome(blind: Try, seeing: Try): string {
  if (blind.answer?.state) {
    return failure(blind.answer);
  }
  const unseen = touched(blind) - touched(seeing);
  return unseen === 0 ? "none" : `some ${unseen}/${touched(blind)}`;
}

/** Of several rows: how many were touched; if none was, every reason once. */
function outcomeOf(tries: readonly Try[]): string {
  const count = tries.filter((attempt) => touched(attempt) > 0).length;
  if (count > 0) {
    return share(count, tries.length);
  }
  const reasons = tries.map(({ answer }) => (answer?.state ? failure(answer) : "none"));
  return [...new Set(reasons)].sort().join(", ");
}
