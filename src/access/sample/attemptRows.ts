import { type ClientBase, DatabaseError, type Pool } from "pg";

import { INSUFFICIENT_PRIVILEGE } from "../../errors/sqlStates.ts";
import { type Asker, becomeAsker } from "./demoAskers.ts";
import type { TableRows } from "./everyRow.ts";

export type AttemptedCommand = "select" | "update" | "delete";

/**
 * Runs a statement for each row and takes it back; says how many rows it touched, or the SQLSTATE of its refusal. A missing
 * grant is missing for every row alike, and is asked about once.
 */
const PROBE = `
create schema if not exists probe;
create or replace function probe.attempt(statement text, literals text[]) returns setof text as $$
declare
  v_literal text;
  v_count integer;
begin
  foreach v_literal in array literals loop
    begin
      execute statement using v_literal;
      get diagnostics v_count = row_count;
      raise exception '%', v_count using errcode = 'PROBE';
    exception
      when sqlstate 'PROBE' then return next sqlerrm;
      when others then
        if sqlerrm like 'permission denied%' then
          return query select sqlstate from unnest(literals);
          return;
        end if;
        return next sqlstate;
    end;
  end loop;
end;
$$ language plpgsql;
grant usage on schema probe to app_user, app_anonymous;
grant execute on function probe.attempt(text, text[]) to app_user, app_anonymous`;

/** Adds to a database that is thrown away what attemptRows() needs. */
export async function installProbe(client: ClientBase | Pool): Promise<void> {
  await client.query(PROBE);
}

/** Whether row security and grants let a change through; a constraint or trigger that refused it came after them. */
export function isReached(outcome: string | undefined): boolean {
  return outcome !== undefined && outcome !== "0" && outcome !== INSUFFICIENT_PRIVILEGE;
}

/**
 * Really does it, to every row, as the asker, and takes it back. A change sets a column to what it is.
 *
 * @param client an administrative connection in a transaction, to a database with the probe.
 * @returns for each row how many were touched, or the SQLSTATE of the refusal.
 */
export async function attemptRows(
  client: ClientBase,
  { settings }: Asker,
  given: TableRows,
  command: AttemptedCommand,
): Promise<string[]> {
  const literals = given.rows.map(({ literal }) => literal);
  const statement = await statementOf(client, given, settings.role ?? "", command);
  await becomeAsker(client, settings, "attempt");
  try {
    const { rows } =
      command === "select"
        ? await client.query<{ outcome: string }>(statement, [literals])
        : await client.query<{ outcome: string }>("select a as outcome from probe.attempt($1, $2) as a", [
            statement,
            literals,
          ]);
    return rows.map(({ outcome }) => outcome);
  } catch (error) {
    if (error instanceof DatabaseError && error.code === INSUFFICIENT_PRIVILEGE) {
      return literals.map(() => INSUFFICIENT_PRIVILEGE);
    }
    throw error;
  } finally {
    await client.query("rollback to savepoint attempt");
  }
}

/** Looks for rows by their key: all at once to select, one at a time to change. */
async function statementOf(
  client: ClientBase,
  { table, key }: TableRows,
  role: string,
  command: AttemptedCommand,
): Promise<string> {
  const whereKeyOf = (row: string) =>
    `where ${key.map((column) => `t.${column} = ${row}.${column}`).join(" and ")}`;
  if (command === "select") {
    const found = `select count(*)::text from ${table} t ${whereKeyOf("r")}`;
    return `select (${found}) as outcome from unnest($1::${table}[]) with ordinality as r order by r.ordinality`;
  }
  if (command === "delete") {
    return `delete from ${table} t ${whereKeyOf(`($1::${table})`)}`;
  }
  const { rows } = await client.query<{ column: string }>(
    `select quote_ident(a.attname) as column from pg_catalog.pg_attribute a
     where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped
     order by has_column_privilege($2, a.attrelid, a.attnum, 'update') desc, a.attnum
     limit 1`,
    [table, role],
  );
  const column = rows[0]?.column;
  return `update ${table} t set ${column} = t.${column} ${whereKeyOf(`($1::${table})`)}`;
}
