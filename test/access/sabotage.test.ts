import { beforeAll, describe, expect, it } from "@jest/globals";
import type { ClientBase } from "pg";

import { completeScope } from "../../src/access/accessScope.ts";
import { openings } from "../../src/access/bootCheck.ts";
import { findBreaches } from "../../src/access/checkAccess.ts";
import { loadRules } from "../../src/access/rules.ts";
import { readOwnWaivers } from "../../src/access/waivers.ts";
import { createFullWorld } from "../../src/access/world/fullWorld.ts";
import { useTestDatabase } from "../support/database.ts";
import { readSabotages } from "./sabotage.ts";

const db = useTestDatabase();
const rules = await loadRules();
const waivers = await readOwnWaivers();
const sabotages = readSabotages();

beforeAll(async () => {
  await createFullWorld(db);
});

/** What `access check` finds that is not waived. */
async function findings(client: ClientBase): Promise<string[]> {
  const breaches = await findBreaches(client, await completeScope(client, {}), rules);
  return breaches
    .filter(({ rule, object }) => !waivers.some((waiver) => waiver.rule === rule && waiver.object === object))
    .map(({ rule, object }) => `${rule} ${object}`);
}

describe("access check", () => {
  it("finds nothing before anything was done", () =>
    db.inTransaction(async (client) => expect(await findings(client)).toEqual([])));

  const caught = sabotages.filter(({ caughtBy }) => !caughtBy.startsWith("matrix "));
  it("is asked about 25 sabotages at least", () => expect(caught.length).toBeGreaterThanOrEqual(25));

  it.each(caught)("catches $name: $what", ({ sql, caughtBy }) =>
    db.inTransaction(async (client) => {
      await client.query(sql);
      expect(await findings(client)).toContainEqual(expect.stringContaining(caughtBy));
    }),
  );
});

/** The others are done to the database of a running gateway, see sabotageReady.test.ts. */
describe("the boot check, in a transaction because other tests share the cluster's roles,", () => {
  it.each(sabotages.filter(({ ready, isOfCluster }) => ready === "opens" && isOfCluster))(
    "refuses $name",
    ({ sql, caughtBy }) =>
      db.inTransaction(async (client) => {
        await client.query(sql);
        await client.query("set local session authorization app_authenticator");
        expect(await openings(client, rules, waivers)).toContainEqual(expect.stringContaining(caughtBy));
      }),
  );
});
