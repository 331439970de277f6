import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { compileApi } from "../../src/commands/schema.ts";
import type { OpenDatabase } from "../../src/database/openDatabase.ts";
import { ServeProcess } from "../../test/support/ServeProcess.ts";
import { readCpuSeconds } from "./processCosts.ts";

const ROUNDS = 5;
const CACHE = join(import.meta.dirname, "../../node_modules/.cache/compile");
/** Where modules of this package are found from. */
const SCHEMA_FILE = join(import.meta.dirname, "../../node_modules/.cache/startUp.mjs");

interface Costs {
  wall: number;
  cpu: number;
}

/**
 * Time and processor time from the start of a gateway until it is ready: with nothing kept, with what the compiler has kept, and
 * with the API from a file besides.
 */
export async function startUp(database: OpenDatabase): Promise<void> {
  const fromFile = { GATEWAY_SCHEMA_FILE: SCHEMA_FILE };
  await compileApi(database.urls.gateway, SCHEMA_FILE);
  const results: Record<string, Costs[]> = { compiled: [], kept: [], "from a file": [] };
  try {
    for (let round = 0; round < ROUNDS; round++) {
      rmSync(CACHE, { recursive: true, force: true });
      results.compiled?.push(await startOnce(database));
      results.kept?.push(await startOnce(database));
      // The first one leaves what the compiler makes of the file.
      await startOnce(database, fromFile);
      results["from a file"]?.push(await startOnce(database, fromFile));
    }
  } finally {
    rmSync(SCHEMA_FILE, { force: true });
  }
  for (const [name, costs] of Object.entries(results)) {
    const wall = median(costs.map((each) => each.wall));
    const cpu = median(costs.map((each) => each.cpu));
    console.log(`${name}: ready after ${wall} ms, ${cpu} ms of a processor`);
  }
}

async function startOnce({ config, urls }: OpenDatabase, env: Record<string, string> = {}): Promise<Costs> {
  const start = performance.now();
  const server = new ServeProcess(config, urls.gateway, { DRAIN_DELAY: "0", ...env });
  try {
    const { adminUrl } = await server.addresses();
    while ((await fetch(`${adminUrl}/ready`)).status !== 200) {
      await sleep(5);
    }
    return { wall: performance.now() - start, cpu: readCpuSeconds(server.pid) * 1000 };
  } finally {
    await server.stop();
  }
}

function median(values: number[]): string {
  return (values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? NaN).toFixed(0);
}
