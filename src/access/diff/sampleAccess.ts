import type { ClientBase } from "pg";

import { type AttemptedCommand, attemptRows, installProbe, isReached } from "../sample/attemptRows.ts";
import { demoAskers } from "../sample/demoAskers.ts";
import { everyRow, type TableRows } from "../sample/everyRow.ts";

/** Which rows of the demo each person reaches: person, table and command → keys. */
export type Sample = Map<string, Set<string>>;

export interface SampleChange {
  person: string;
  table: string;
  command: AttemptedCommand;
  gained: number;
  lost: number;
}

const COMMANDS = ["select", "update", "delete"] as const satisfies AttemptedCommand[];

/** Turns off what would answer in the place of the policies, in a database that is thrown away. */
async function silenceTriggers(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ statement: string }>(
    `select format('alter table %s disable trigger user', c.oid::regclass) as statement
     from pg_catalog.pg_class c
     where c.relnamespace::regnamespace::text ~ '^app_' and c.relkind in ('r', 'p')`,
  );
  await client.query(rows.map(({ statement }) => statement).join(";"));
}

/**
 * Makes the rows of a database of another schema the same: the columns that both have, as they are.
 *
 * @param from where the demo was seeded. @param to an empty database; both are thrown away.
 * @returns tables whose rows the other schema does not take.
 */
export async function copyRows(from: ClientBase, to: ClientBase): Promise<string[]> {
  const refused: string[] = [];
  await silenceTriggers(to);
  const columnsOf = async (client: ClientBase, table: string) =>
    (
      await client.query<{ name: string }>(
        `select quote_ident(attname) as name from pg_catalog.pg_attribute
         where attrelid = to_regclass($1) and attnum > 0 and not attisdropped and attgenerated = ''`,
        [table],
      )
    ).rows.map(({ name }) => name);
  await to.query("begin");
  // Rows come table by table, whatever refers to whatever.
  await to.query("set local session_replication_role to replica");
  for (const { table } of await everyRow(from)) {
    const theirs = new Set(await columnsOf(to, table));
    const columns = (await columnsOf(from, table)).filter((name) => theirs.has(name)).join(", ");
    if (columns === "") {
      continue;
    }
    const { rows } = await from.query<{ data: string }>(
      `select coalesce(jsonb_agg(to_jsonb(t)), '[]')::text as data from ${table} t`,
    );
    await to.query("savepoint copy");
    try {
      // What migrations bring has other ids in every database.
      await to.query(`delete from ${table}`);
      await to.query(
        `insert into ${table} (${columns}) overriding system value
         select ${columns} from jsonb_populate_recordset(null::${table}, $1)`,
        [rows[0]?.data],
      );
    } catch {
      await to.query("rollback to savepoint copy");
      refused.push(table);
    }
  }
  await to.query("commit");
  return refused;
}

/**
 * What everybody of the demo reaches. Really done, row by row, and taken back.
 *
 * @param client an administrative connection to a database that is thrown away; it gets the probe and loses its triggers.
 * @param given every row to ask about.
 * @param onTable called before each table, with the fraction that is done.
 */
export async function takeSample(
  client: ClientBase,
  given: TableRows[],
  onTable: (done: number) => void = () => undefined,
): Promise<Sample> {
  await silenceTriggers(client);
  await installProbe(client);
  const tables = given.filter(({ rows }) => rows.length > 0);
  const sample: Sample = new Map();
  await client.query("begin");
  try {
    for (const [done, table] of tables.entries()) {
      onTable(done / tables.length);
      for (const asker of demoAskers()) {
        for (const command of COMMANDS) {
          const outcomes = await attemptRows(client, asker, table, command);
          const reached = table.rows.filter((_, index) => isReached(outcomes[index])).map(({ key }) => key);
          sample.set(JSON.stringify([asker.title, table.table, command]), new Set(reached));
        }
      }
    }
  } finally {
    await client.query("rollback");
  }
  return sample;
}

/** Where the two differ, in rows. A table that only one side has is all gained or all lost. */
export function compareSamples(base: Sample, now: Sample): SampleChange[] {
  const none: Set<string> = new Set();
  return [...new Set([...base.keys(), ...now.keys()])].flatMap((place) => {
    const before = base.get(place) ?? none;
    const after = now.get(place) ?? none;
    const gained = [...after].filter((key) => !before.has(key)).length;
    const lost = [...before].filter((key) => !after.has(key)).length;
    const [person, table, command] = JSON.parse(place) as [string, string, AttemptedCommand];
    return gained + lost > 0 ? [{ person, table, command, gained, lost }] : [];
  });
}
