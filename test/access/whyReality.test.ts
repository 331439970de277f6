import { beforeAll, describe, expect, it } from "@jest/globals";

import { attemptRows, installProbe, isReached } from "../../src/access/sample/attemptRows.ts";
import type { Asker } from "../../src/access/sample/demoAskers.ts";
import { everyRow, type TableRows } from "../../src/access/sample/everyRow.ts";
import { judgeAccess } from "../../src/access/why/judgeAccess.ts";
import { seedDatabase } from "../../src/seed/seedDatabase.ts";
import { useTestDatabase } from "../support/database.ts";
import { narrowedAskers } from "./whyAskers.ts";

const db = useTestDatabase();
let askers: Asker[];
let tables: TableRows[];

beforeAll(async () => {
  await seedDatabase(db);
  await installProbe(db.superuser);
  askers = await narrowedAskers(db);
  tables = await everyRow(db.superuser);
});

/** Thousands of statements, on a machine that does other things too. */
const TIMEOUT = 300_000;

describe.each(["select", "update", "delete"] as const)("for %s", (command) => {
  it(
    "says of every row of the demo and every person what really happens",
    async () => {
      const differences: unknown[] = [];
      const counts = { allowed: 0, refused: 0 };
      await db.inTransaction(async (client) => {
        for (const rowsOfTable of tables) {
          const { table, rows } = rowsOfTable;
          for (const asker of askers) {
            const real = await attemptRows(client, asker, rowsOfTable, command);
            const verdicts = await judgeAccess(client, {
              table,
              command,
              rows: rows.map(({ literal }) => literal),
              settings: asker.settings,
              withEvidence: false,
            });
            expect(real.length).toBe(verdicts.length);
            for (const [index, outcome] of real.entries()) {
              const isReal = isReached(outcome);
              counts[isReal ? "allowed" : "refused"]++;
              if (verdicts[index]?.allowed !== isReal) {
                const because = verdicts[index]?.because;
                differences.push([asker.title, table, rows[index]?.key, outcome, because]);
              }
            }
          }
        }
      });
      expect(differences).toEqual([]);
      // Whoever may do nothing, or everything, would prove nothing.
      expect(counts.allowed).toBeGreaterThan(20);
      expect(counts.refused).toBeGreaterThan(500);
    },
    TIMEOUT,
  );
});
