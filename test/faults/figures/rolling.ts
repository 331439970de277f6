import { setTimeout as sleep } from "node:timers/promises";

import { Balancer } from "../../support/Balancer.ts";
import type { Bench, Figure, Served } from "./bench.ts";
import { closedLoad, LIGHT_QUERY, type Outcome, tally } from "./load.ts";

/** Milliseconds. */
const INTERVAL = 5_000;
const SIGNALS = 12;
/** Fewer than this many are never left to serve. */
const INSTANCES = 2;
/** Started ahead, since one takes about as long to be ready as another one has. */
const AHEAD = 2;

/** What the restarts of a minute came to. */
interface Restarts {
  /** Milliseconds between the first and the last signal, and the longest between two. */
  duration: number;
  longest: number;
  exitCodes: (number | null)[];
}

/** Fault 21: SIGTERM every five seconds for a minute, two instances, and always one to take over. */
export async function rollingRestarts(bench: Bench): Promise<Figure[]> {
  const balancer = new Balancer();
  const headers = bench.headersOf(bench.world.here.provider);
  const started: Promise<Served>[] = [];
  const start = () => {
    const gateway = bench.serve().then(async (served) => {
      await balancer.add(served);
      return served;
    });
    // Who waits for it is told; until then it is nobody's.
    gateway.catch(() => undefined);
    started.push(gateway);
  };
  try {
    Array.from({ length: INSTANCES + AHEAD }, start);
    await Promise.all(started);
    let isOver = false;
    const load = (async () => {
      const outcomes: Outcome[] = [];
      while (!isOver) {
        outcomes.push(...(await closedLoad(() => balancer.post({ query: LIGHT_QUERY }, headers), 6, 1_000)));
      }
      return outcomes;
    })();
    const restarts = await restartInTurn(started, start, balancer).finally(() => (isOver = true));
    return [figureOf(await load, restarts)];
  } finally {
    balancer.close();
    const all = await Promise.allSettled(started);
    await Promise.all(all.map((one) => (one.status === "fulfilled" ? one.value.stop() : undefined)));
  }
}

/** Tells the oldest of the started to stop, again and again, and starts another one each time. */
async function restartInTurn(
  started: Promise<Served>[],
  start: () => void,
  balancer: Balancer,
): Promise<Restarts> {
  const exits: Promise<number | null>[] = [];
  const times: number[] = [];
  const began = performance.now();
  for (let signal = 0; signal < SIGNALS; signal++) {
    await sleep(Math.max(0, signal * INTERVAL - (performance.now() - began)));
    // Those that stay are ready before the oldest is told to go.
    await Promise.all(started.slice(0, INSTANCES + 1));
    const oldest = await started.shift();
    if (oldest) {
      times.push(performance.now());
      const exit = oldest.process.stop("SIGTERM").then(async (code) => {
        balancer.remove(oldest);
        await oldest.stop();
        return code;
      });
      exits.push(exit);
    }
    start();
  }
  const exitCodes = await Promise.all(exits);
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? time));
  return { duration: (times.at(-1) ?? 0) - (times[0] ?? 0), longest: Math.max(...gaps), exitCodes };
}

function figureOf(outcomes: Outcome[], { duration, longest, exitCodes }: Restarts): Figure {
  const failed = outcomes.filter(({ status }) => status !== 200).length;
  const reasons = new Set(outcomes.flatMap(({ failure }) => failure ?? []));
  const why = reasons.size > 0 ? `: ${[...reasons].join(", ")}` : "";
  const interval = duration / (exitCodes.length - 1) / 1000;
  return {
    number: "21",
    fault: "SIGTERM every 5 s for a minute of load, two instances and their replacements",
    promise: "0 failed requests; every process leaves in order",
    measured: `${failed} of ${outcomes.length.toLocaleString("en")} failed (${tally(outcomes)}${why}); ${exitCodes.length} SIGTERMs, one every ${interval.toFixed(1)} s (${(longest / 1000).toFixed(1)} s at most); exit codes ${[...new Set(exitCodes)].join(", ")}`,
    holds: failed === 0 && interval < 5.5 && exitCodes.every((code) => code === 0),
  };
}
