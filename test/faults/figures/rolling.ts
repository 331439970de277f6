import { setTimeout as sleep } from "node:timers/promises";

import { Balancer } from "../../support/Balancer.ts";
import type { Bench, Figure, Served } from "./bench.ts";
import { closedLoad, LIGHT_QUERY, type Outcome, tally } from "./load.ts";

const INTERVAL = 5_000;
const MINUTE = 60_000;

/** Fault 21: SIGTERM every five seconds for a minute, two instances, and always one to take over. */
export async function rollingRestarts(bench: Bench): Promise<Figure[]> {
  const balancer = new Balancer();
  const running: Served[] = [await bench.serve(), await bench.serve()];
  const stopping: Promise<number | null>[] = [];
  let signals = 0;
  try {
    for (const gateway of running) {
      await balancer.add(gateway);
    }
    let isOver = false;
    const headers = bench.headersOf(bench.world.here.provider);
    const load = (async () => {
      const outcomes: Outcome[] = [];
      while (!isOver) {
        outcomes.push(...(await closedLoad(() => balancer.post({ query: LIGHT_QUERY }, headers), 6, 1_000)));
      }
      return outcomes;
    })();
    const began = performance.now();
    while (performance.now() - began < MINUTE) {
      const started = performance.now();
      // The next one is ready before the oldest is told to go.
      const next = await bench.serve();
      await balancer.add(next);
      running.push(next);
      const oldest = running.shift();
      if (oldest) {
        signals++;
        const exit = oldest.process.stop("SIGTERM").then(async (code) => {
          balancer.remove(oldest);
          await oldest.stop();
          return code;
        });
        stopping.push(exit);
      }
      await sleep(Math.max(0, INTERVAL - (performance.now() - started)));
    }
    const codes = await Promise.all(stopping);
    isOver = true;
    const outcomes = await load;
    const failed = outcomes.filter(({ status }) => status !== 200).length;
    const seconds = (performance.now() - began) / 1000;
    return [
      {
        number: "21",
        fault: "SIGTERM in turn for a minute of load, two instances",
        promise: "0 failed requests; every process leaves in order",
        measured: `${failed} of ${outcomes.length.toLocaleString("en")} failed (${tally(outcomes)}); ${signals} SIGTERMs in ${seconds.toFixed(0)} s (one every ${(seconds / signals).toFixed(1)} s); exit codes ${[...new Set(codes)].join(", ")}`,
        holds: failed === 0 && codes.every((code) => code === 0),
      },
    ];
  } finally {
    balancer.close();
    await Promise.all(running.map((gateway) => gateway.stop()));
  }
}
