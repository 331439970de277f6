import { beforeAll, describe, expect, it } from "@jest/globals";
import { type ClientBase, DatabaseError } from "pg";

import { type AccessCommand, judgeAccess } from "../../src/access/why/judgeAccess.ts";
import { seedDatabase } from "../../src/seed/seedDatabase.ts";
import { useTestDatabase } from "../support/database.ts";
import { type Asker, demoAskers, everyRow, type TableRows } from "./whyRows.ts";

const db = useTestDatabase();
let askers: Asker[];
let tables: TableRows[];

const INSUFFICIENT_PRIVILEGE = "42501";

/**
 * Runs a statement for each row and takes it back; says how many rows it touched, or the SQLSTATE of its refusal. A missing
 * grant is missing for every row alike, and is asked about once.
 */
const PROBE = `
create schema probe;
create function probe.attempt(statement text, literals text[]) returns setof text as $$
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

beforeAll(async () => {
  await seedDatabase(db);
  await db.superuser.query(PROBE);
  askers = await demoAskers(db);
  tables = await everyRow(db);
});

/** What comes of the statement for each row, as the asker. */
async function attempt(
  client: ClientBase,
  { settings }: Asker,
  { text, isPerRow }: Statement,
  rows: string[],
): Promise<string[]> {
  await client.query("savepoint reality");
  const entries = Object.entries(settings);
  const calls = entries.map((_, index) => `set_config($${2 * index + 1}, $${2 * index + 2}, true)`);
  await client.query(`select ${calls.join(", ")}`, entries.flat());
  const asked = isPerRow
    ? client.query("select a as outcome from probe.attempt($1, $2) as a", [text, rows])
    : client.query(text, [rows]);
  try {
    return (await asked).rows.map(({ outcome }) => outcome);
  } catch (error) {
    if (error instanceof DatabaseError && error.code === INSUFFICIENT_PRIVILEGE) {
      return rows.map(() => INSUFFICIENT_PRIVILEGE);
    }
    throw error;
  } finally {
    await client.query("rollback to savepoint reality");
  }
}

interface Statement {
  text: string;
  /** For `probe.attempt`; otherwise for all rows at once. */
  isPerRow: boolean;
}

/** Looks for rows by their key; a change sets a column that may be changed to what it is. */
async function statementOf(
  client: ClientBase,
  { table, key }: TableRows,
  role: string,
  command: AccessCommand,
): Promise<Statement> {
  const whereKeyOf = (row: string) =>
    `where ${key.map((column) => `t.${column} = ${row}.${column}`).join(" and ")}`;
  const given = `($1::${table})`;
  if (command === "select") {
    const found = `select count(*)::text from ${table} t ${whereKeyOf("r")}`;
    const text = `select (${found}) as outcome from unnest($1::${table}[]) with ordinality as r order by r.ordinality`;
    return { text, isPerRow: false };
  }
  if (command === "delete") {
    return { text: `delete from ${table} t ${whereKeyOf(given)}`, isPerRow: true };
  }
  const { rows } = await client.query<{ column: string }>(
    `select quote_ident(a.attname) as column from pg_catalog.pg_attribute a
     where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped
     order by has_column_privilege($2, a.attrelid, a.attnum, 'update') desc, a.attnum
     limit 1`,
    [table, role],
  );
  const column = rows[0]?.column;
  return { text: `update ${table} t set ${column} = t.${column} ${whereKeyOf(given)}`, isPerRow: true };
}

/** Thousands of statements, on a machine that does other things too. */
const TIMEOUT = 120_000;

describe.each(["select", "update", "delete"] as const)("for %s", (command) => {
  it(
    "says of every row of the demo and every person what really happens",
    async () => {
      const differences: unknown[] = [];
      const counts = { allowed: 0, refused: 0 };
      await db.inTransaction(async (client) => {
        for (const table of tables) {
          for (const asker of askers) {
            const { settings, title } = asker;
            const statement = await statementOf(client, table, settings.role ?? "", command);
            const real = await attempt(client, asker, statement, table.rows);
            const question = { table: table.table, command, rows: table.rows, settings, withEvidence: false };
            const verdicts = await judgeAccess(client, question);
            for (const [index, outcome] of real.entries()) {
              const isReal = outcome !== "0" && outcome !== INSUFFICIENT_PRIVILEGE;
              counts[isReal ? "allowed" : "refused"]++;
              if (verdicts[index]?.allowed !== isReal) {
                differences.push([
                  title,
                  statement.text,
                  table.rows[index],
                  outcome,
                  verdicts[index]?.because,
                ]);
              }
            }
          }
        }
      });
      // Whoever may do nothing, or everything, would prove nothing.
      expect(counts.allowed).toBeGreaterThan(20);
      expect(counts.refused).toBeGreaterThan(500);
      expect(differences).toEqual([]);
    },
    TIMEOUT,
  );
});
