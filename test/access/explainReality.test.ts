import { beforeAll, expect, it } from "@jest/globals";

import { attemptRows, installProbe, isReached } from "../../src/access/sample/attemptRows.ts";
import { becomeAsker, demoAsker } from "../../src/access/sample/demoAskers.ts";
import { everyRow, type TableRows } from "../../src/access/sample/everyRow.ts";
import { demoUserId } from "../../src/seed/demoPeople.ts";
import { seedDatabase } from "../../src/seed/seedDatabase.ts";
import { useTestDatabase } from "../support/database.ts";

const db = useTestDatabase();
let tables: (TableRows & { name: string })[];

/** Of a table; the figures of metrics repeat each other. */
const MOST_ROWS = 12;

beforeAll(async () => {
  await seedDatabase(db);
  await installProbe(db.superuser);
  tables = (await everyRow(db.superuser))
    .filter(({ table, key, rows }) => /^app_public\./.test(table) && key.join() === "id" && rows.length > 0)
    .map(({ rows, ...table }) => ({
      ...table,
      rows: rows.slice(0, MOST_ROWS),
      name: table.table.replace("app_public.", ""),
    }));
});

const TIMEOUT = 300_000;

it(
  "agrees with reality about every row of the organization in every table, and knows none of another's",
  async () => {
    const members = ["alice", "carol", "dan", "erin"] as const;
    const differences: unknown[] = [];
    let foreign = 0;
    let own = 0;
    for (const table of tables) {
      await db.inTransaction(async (client) => {
        for (const member of members) {
          for (const command of ["select", "update"] as const) {
            const real = await attemptRows(client, demoAsker(member), table, command);
            for (const asker of ["alice", "bob"] as const) {
              for (const [index, { key }] of table.rows.entries()) {
                await becomeAsker(client, demoAsker(asker).settings, "explain");
                const found = await client
                  .query("select app_hidden.explain_access($1, $2, $3, $4) as verdict", [
                    demoUserId(member),
                    table.name,
                    key.slice(1, -1),
                    command,
                  ])
                  .then(
                    (result) => result.rows[0].verdict as { allowed: boolean; because: string },
                    (error: { code: string }) => error.code,
                  );
                await client.query("rollback to savepoint explain");
                if (typeof found === "string") {
                  foreign++;
                  if (
                    found !== "NTFND" ||
                    (asker === "alice" && isReached(real[index]) && !isShared(table.name))
                  ) {
                    differences.push([asker, member, table.name, command, key, found]);
                  }
                } else {
                  own++;
                  if (asker === "bob" || found.allowed !== isReached(real[index])) {
                    differences.push([asker, member, table.name, command, key, found.because]);
                  }
                }
              }
            }
          }
        }
      });
    }
    expect(differences).toEqual([]);
    expect(own).toBeGreaterThan(300);
    expect(foreign).toBeGreaterThan(own);
  },
  TIMEOUT,
);

/** What belongs to people or to the system, and is nobody's to administer. */
function isShared(table: string): boolean {
  return [
    "users",
    "consents",
    "metric_definitions",
    "feature_flag_definitions",
    "session_templates",
  ].includes(table);
}
