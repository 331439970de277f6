import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { OpenDatabase } from "../../src/database/openDatabase.ts";
import { ServeProcess } from "../../test/support/ServeProcess.ts";
import { readCpuSeconds } from "./processCosts.ts";

const ROUNDS = 3;
const CACHE = join(import.meta.dirname, "../../node_modules/.cache/compile");

/** Time and processor time from the start of a gateway until it is ready, with and without what the compiler has kept. */
export async function startUp({ config, urls }: OpenDatabase): Promise<void> {
  const results: Record<string, { wall: number[]; cpu: number[] }> = {
    compiled: { wall: [], cpu: [] },
    kept: { wall: [], cpu: [] },
  };
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, { wall, cpu }] of Object.entries(results)) {
      if (name === "compiled") {
        rmSync(CACHE, { recursive: true, force: true });
      }
      const start = performance.now();
      const server = new ServeProcess(config, urls.gateway, { DRAIN_DELAY: "0" });
      const { adminUrl } = await server.addresses();
      while ((await fetch(`${adminUrl}/ready`)).status !== 200) {
        await sleep(5);
      }
      wall.push(performance.now() - start);
      cpu.push(readCpuSeconds(server.pid) * 1000);
      await server.stop();
    }
  }
  for (const [name, { wall, cpu }] of Object.entries(results)) {
    console.log(`${name}: ready after ${median(wall)} ms, ${median(cpu)} ms of a processor`);
  }
}

function median(values: number[]): string {
  return (values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? NaN).toFixed(0);
}
