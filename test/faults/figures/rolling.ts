import { setTimeout as sleep } from "node:timers/promises";

import { Balancer } from "../../support/Balancer.ts";
import type { Bench, Figure, Served } from "./bench.ts";
import { LIGHT_QUERY, openLoad, type Outcome, tally } from "./load.ts";

/** Milliseconds. */
const INTERVAL = 5_000;
/** At most so much longer on average: a signal waits for an instance that is not ready yet. */
const TOLERANCE = 250;
const SIGNALS = 12;
/** A second; what one instance can do besides while the next one starts on the same cores. */
const REQUESTS = 40;
/** Milliseconds. Many times as long as the balancer takes to ask whether an instance is ready, also where it has to wait. */
const DRAIN_DELAY = "3000";

/** What the restarts of a minute came to. */
interface Restarts {
  /** Milliseconds between two signals on average, and at most. */
  interval: number;
  longest: number;
  /** Milliseconds from the start of a process until requests came to it, and from the signal until it was gone, at most. */
  start: number;
  stop: number;
  exitCodes: (number | null)[];
}

/** Fault 21: two instances; every five seconds the older one gets SIGTERM, and one that starts then takes its place. */
export async function rollingRestarts(bench: Bench): Promise<Figure[]> {
  const balancer = new Balancer(100);
  const headers = bench.headersOf(bench.world.here.provider);
  const started: Served[] = [];
  const ending: Promise<void>[] = [];
  const startOne = async (): Promise<Served> => {
    const served = await bench.serve({ DRAIN_DELAY });
    started.push(served);
    await balancer.add(served);
    return served;
  };
  try {
    const instances = [await startOne(), await startOne()];
    let isOver = false;
    const load = loadUntil(
      () => isOver,
      () => balancer.post({ query: LIGHT_QUERY }, headers),
    );
    const restarts = await restartInTurn(instances, { startOne, balancer, ending }).finally(
      () => (isOver = true),
    );
    return [figureOf(await load, restarts)];
  } finally {
    balancer.close();
    await Promise.allSettled(ending);
    await Promise.all(started.map((served) => served.stop()));
  }
}

async function loadUntil(
  isOver: () => boolean,
  send: () => ReturnType<Balancer["post"]>,
): Promise<Outcome[]> {
  const outcomes: Promise<Outcome[]>[] = [];
  while (!isOver()) {
    const load = openLoad(send, REQUESTS, 1_000);
    outcomes.push(load);
    // Whoever is still answered late holds up nobody.
    await Promise.race([load, sleep(1_000)]);
  }
  return (await Promise.all(outcomes)).flat();
}

interface Restarting {
  startOne: () => Promise<Served>;
  balancer: Balancer;
  /** Processes that have been told to stop. */
  ending: Promise<void>[];
}

/** Tells the older of the two to stop, and starts another one, once both are ready and the interval has passed. */
async function restartInTurn(
  instances: Served[],
  { startOne, balancer, ending }: Restarting,
): Promise<Restarts> {
  const exitCodes: (number | null)[] = [];
  const times: number[] = [];
  const starts: number[] = [];
  const stops: number[] = [];
  const stopOne = async (served: Served) => {
    const told = performance.now();
    exitCodes.push(await served.process.stop("SIGTERM"));
    stops.push(performance.now() - told);
    balancer.remove(served);
  };
  for (let signal = 0; signal < SIGNALS; signal++) {
    await sleep(Math.max(0, (times.at(-1) ?? -INTERVAL) + INTERVAL - performance.now()));
    const now = performance.now();
    times.push(now);
    ending.push(stopOne(instances.shift() as Served));
    instances.push(await startOne());
    starts.push(performance.now() - now);
  }
  await Promise.all(ending);
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? time));
  return {
    interval: gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length,
    longest: Math.max(...gaps),
    start: Math.max(...starts),
    stop: Math.max(...stops),
    exitCodes,
  };
}

function figureOf(outcomes: Outcome[], { interval, longest, start, stop, exitCodes }: Restarts): Figure {
  const failed = outcomes.filter(({ status }) => status !== 200).length;
  const reasons = new Set(outcomes.flatMap(({ failure }) => failure ?? []));
  const why = reasons.size > 0 ? `: ${[...reasons].join(", ")}` : "";
  const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1)} s`;
  return {
    number: "21",
    fault: `SIGTERM every 5 s for a minute of ${REQUESTS} requests a second, two instances in turn`,
    promise: "0 failed requests; every process leaves in order",
    measured: `${failed} of ${outcomes.length.toLocaleString("en")} failed (${tally(outcomes)}${why}); ${exitCodes.length} SIGTERMs, one every ${seconds(interval)} (${seconds(longest)} at most); ready ${seconds(start)} after its start and gone ${seconds(stop)} after its SIGTERM at most; exit codes ${[...new Set(exitCodes)].join(", ")}`,
    holds: failed === 0 && interval <= INTERVAL + TOLERANCE && exitCodes.every((code) => code === 0),
  };
}
