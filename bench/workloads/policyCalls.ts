import type pg from "pg";

import { withClient } from "../../src/database/withClient.ts";
import { type BenchPerson, findPeople } from "../data/people.ts";
import { settingsOfPerson } from "../data/settingsOfPerson.ts";
import { type HandWritten, STATEMENTS } from "../peers/statements.ts";
import { fixed } from "../report/section.ts";
import type { Workload } from "./workload.ts";

const REPEATS = 200;
const WHAT = ["point", "list"] as const;

interface Helper {
  name: string;
  /** Per statement: how often it is called, and milliseconds in it without what it calls. */
  calls: number;
  milliseconds: number;
}

/** The time of each function of policies in one statement, as Postgres counts it, and that of the statement. */
async function timeHelpers(
  client: pg.ClientBase,
  person: BenchPerson,
  [name, { text, values }]: readonly [string, HandWritten],
): Promise<{ functions: Helper[]; milliseconds: number }> {
  await client.query("begin");
  try {
    await client.query("set local track_functions = 'all'");
    await client.query("select set_config(key, value, true) from json_each_text($1::json)", [
      JSON.stringify(settingsOfPerson(person)),
    ]);
    const began = performance.now();
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      await client.query({ name, text, values: values({ rowId: person.patientIds[0] ?? "" }) });
    }
    const milliseconds = (performance.now() - began) / REPEATS;
    await client.query("reset role");
    const { rows } = await client.query<Helper>(
      `select schemaname || '.' || funcname as name, calls::float / $1::int as calls, self_time / $1::int as milliseconds
       from pg_catalog.pg_stat_xact_user_functions where calls > 0 order by self_time desc`,
      [REPEATS],
    );
    return { functions: rows, milliseconds };
  } finally {
    await client.query("rollback");
  }
}

export const policyCalls: Workload = {
  name: "policies",
  async run({ data, options }) {
    const urls = await data.open("clinic", options.size);
    const [person] = await findPeople(urls, data.config, 1);
    const rows: string[][] = [];
    for (const what of WHAT) {
      const statement = STATEMENTS[what];
      if (person && statement) {
        const timed = await withClient(urls.superuser, (client) =>
          timeHelpers(client, person, [what, statement]),
        );
        rows.push([what, "all of the statement", "1", fixed(timed.milliseconds, 3)]);
        rows.push(
          ...timed.functions.map(({ name, calls, milliseconds }) => [
            what,
            name,
            fixed(calls, 1),
            fixed(milliseconds, 3),
          ]),
        );
      }
    }
    return {
      name: "policies",
      title: "Where the time of row security goes",
      about: `The functions that policies call, in the statements behind a point and a list as they are written by hand: how often each is called for one statement, and how long it takes without what it calls itself. As Postgres counts it (\`track_functions\`), over ${REPEATS} statements; the counting itself takes its part.`,
      table: { head: ["statement", "function", "calls", "ms"], rows },
      targets: [],
    };
  },
};
