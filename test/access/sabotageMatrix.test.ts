import { beforeAll, describe, expect, it } from "@jest/globals";
import pg from "pg";

import { compareMatrix, type MatrixLine } from "../../src/access/matrix/matrixLine.ts";
import { probeMatrix } from "../../src/access/matrix/probeMatrix.ts";
import { createFullWorld, type FullWorld } from "../../src/access/world/fullWorld.ts";
import { useTestDatabase } from "../support/database.ts";
import { readSabotages } from "./sabotage.ts";

/** Milliseconds: every kind of person, twice. */
const TIMEOUT = 120_000;

/** What no catalogue can tell, because all of it is as it should be: only trying it does. */
const sabotages = readSabotages().filter(({ caughtBy }) => caughtBy.startsWith("matrix "));

describe.each(sabotages)("$name: $what", ({ sql, caughtBy }) => {
  const db = useTestDatabase();
  const table = caughtBy.replace("matrix ", "");
  let world: FullWorld;

  const probe = (): Promise<MatrixLine[]> =>
    probeMatrix(
      async (login) => {
        const client = new pg.Client({ connectionString: db.urls[login] });
        await client.connect();
        return client;
      },
      world,
      { tables: [table] },
    );

  beforeAll(async () => {
    world = await createFullWorld(db);
  });

  it(
    "widens the probed matrix",
    async () => {
      const before = await probe();
      await db.superuser.query(sql);
      const widened = compareMatrix(before, await probe()).filter(({ direction }) => direction === "widened");
      expect(widened.map(({ after }) => after?.table)).toContain(table);
    },
    TIMEOUT,
  );
});
