import { beforeAll, expect, it } from "@jest/globals";
import type { ClientBase } from "pg";

import { completeScope } from "../../src/access/accessScope.ts";
import { openings } from "../../src/access/bootCheck.ts";
import { findBreaches } from "../../src/access/checkAccess.ts";
import { loadRules } from "../../src/access/rules.ts";
import { readOwnWaivers } from "../../src/access/waivers.ts";
import { createFullWorld } from "../../src/access/world/fullWorld.ts";
import { useTestDatabase } from "../support/database.ts";
import { readSabotages } from "./sabotage.ts";
import { appendFileSync } from "node:fs";

const db = useTestDatabase();
const sabotages = readSabotages();
const rules = await loadRules();
const waivers = await readOwnWaivers();

beforeAll(async () => {
  await createFullWorld(db);
});

async function findings(client: ClientBase): Promise<string[]> {
  const breaches = await findBreaches(client, await completeScope(client, {}), rules);
  return breaches
    .filter(({ rule, object }) => !waivers.some((waiver) => waiver.rule === rule && waiver.object === object))
    .map(({ rule, object }) => `${rule} ${object}`);
}

it.each(sabotages)("$name", async ({ sql, name, ready }) => {
  await db.inTransaction(async (client) => {
    await client.query(sql);
    const found = await findings(client);
    await client.query("set local session authorization app_authenticator");
    const open = await openings(client, rules, waivers);
    appendFileSync("/tmp/plans/sab.txt", JSON.stringify({ name, ready, found, open }, null, 1) + "\n");
    expect(found.length).toBeGreaterThan(0);
    if (ready === "opens") expect(open.length).toBeGreaterThan(0);
  });
});
