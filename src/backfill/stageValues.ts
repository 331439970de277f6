import { type ClientBase, DatabaseError, escapeIdentifier, type QueryResult } from "pg";

import { describePlace, placeInText } from "../database/sqlErrorPlace.ts";
import { redactText } from "../errors/redactError.ts";
import { READ_ONLY_SQL_TRANSACTION } from "../errors/sqlStates.ts";
import { BackfillMistake } from "./BackfillMistake.ts";
import { KEY, type Target } from "./describeTarget.ts";
import type { Backfill } from "./readBackfill.ts";
import { rowProblem } from "./rowProblem.ts";

/** New values by id, as the backfill's statement gives them; emptied by every commit. */
export const STAGED = "pg_temp.backfill_values";

/** What is the row's for ever, or the triggers' to say. */
const NOT_GIVEN = new Set(["organization_id", "created_at", "created_by", "updated_at", "updated_by"]);

/**
 * Makes the table in which new values are staged; its columns are of the target's types, so that values are taken as an
 * UPDATE takes them.
 *
 * @returns the columns that the backfill gives, in its order, with the key among them.
 */
export async function makeStage(client: ClientBase, backfill: Backfill, target: Target): Promise<string[]> {
  const { fields } = await queryStatement(client, backfill, ["select * from (", ") as given limit 0"], []);
  const given = fields.map(({ name }) => name);
  const columns = given.filter((name) => name !== KEY);
  if (!given.includes(KEY) || columns.length === 0 || new Set(given).size < given.length) {
    throw new BackfillMistake(
      `The backfill '${backfill.name}' must give ${KEY} and new values, each once; it gives ${given.join(", ")}.`,
    );
  }
  for (const name of columns) {
    const column = target.columns.find((known) => known.name === name);
    if (column === undefined || column.isGenerated || NOT_GIVEN.has(name)) {
      const why = column === undefined ? "has no such column" : "does not let it be given";
      throw new BackfillMistake(`The backfill '${backfill.name}' gives ${name}: ${target.table} ${why}.`);
    }
  }
  const list = given.map((name) => escapeIdentifier(name)).join(", ");
  await client.query(
    `create temporary table backfill_values on commit delete rows as select ${list} from ${target.table} with no data`,
  );
  return given;
}

/** Has the statement give new values for these rows; it can write nothing itself, nor speak of other rows. */
export async function stageValues(
  client: ClientBase,
  backfill: Backfill,
  { given, rowIds }: { given: readonly string[]; rowIds: readonly string[] },
): Promise<void> {
  await client.query(`delete from ${STAGED}`);
  // A savepoint that is read-only lets temporary tables be written, and its release allows writing again.
  await client.query("savepoint reading; set transaction read only");
  const into = `insert into ${STAGED} (${given.map((name) => escapeIdentifier(name)).join(", ")})`;
  await queryStatement(client, backfill, [into, ""], rowIds);
  await client.query("release savepoint reading");
  const { rows } = await client.query<{ foreign: number; repeated: number }>(
    `\
select count(*) filter (where (v.id = any ($1::uuid[])) is not true)::int as foreign,
  (count(*) - count(distinct v.id))::int as repeated
from ${STAGED} v`,
    [rowIds],
  );
  const { foreign = 0, repeated = 0 } = rows[0] ?? {};
  if (foreign > 0) {
    throw new BackfillMistake(
      `The backfill '${backfill.name}' gives values for ${foreign} rows that are not of its batch.`,
    );
  }
  if (repeated > 0) {
    throw new BackfillMistake(`The backfill '${backfill.name}' gives more than one row of values for a row.`);
  }
}

/** Runs the backfill's statement within ours; a mistake in it is told with its place in the file, and without values. */
async function queryStatement(
  client: ClientBase,
  backfill: Backfill,
  [before, after]: readonly [string, string],
  rowIds: readonly string[],
): Promise<QueryResult> {
  try {
    // Lines of their own: the statement may end in a comment.
    return await client.query(`${before}\n${backfill.sql}\n${after}`, [rowIds]);
  } catch (error) {
    if (!(error instanceof DatabaseError) || rowProblem(error) !== null || !isOfStatement(error)) {
      throw error;
    }
    throw new BackfillMistake(describeMistake(backfill, error, before.length + 1));
  }
}

/** Syntax, names and privileges (class 42), and an attempt to write. */
function isOfStatement({ code = "" }: DatabaseError): boolean {
  return code.startsWith("42") || code === READ_ONLY_SQL_TRANSACTION;
}

function describeMistake({ name, file, sql }: Backfill, error: DatabaseError, start: number): string {
  const position = Number(error.position ?? 0) - start;
  const isInFile = position > 0 && position <= Array.from(sql).length;
  const place = isInFile ? `\n${describePlace({ file, ...placeInText(sql, position) })}` : "";
  return `The backfill '${name}' fails: ${redactText(error.message)} (${error.code})${place}`;
}
