import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";

import { type Bench, type Figure, withGateway } from "./bench.ts";
import type { FloodData } from "./flood.ts";
import { DATA_QUERY, isHonest, makeSender, openLoad, type Outcome, percentile } from "./load.ts";

/** Of each tenant: a flood has spent it in seconds, a calm one never. */
const SHARE = "20000";
const CALM_QUERY = "{ patients(first: 5) { nodes { rowId city homeClinicId } } }";
const CALM_PER_SECOND = 40;
const FLOOD_CLIENTS = 50;
/** Milliseconds. All turns together are less than the minute after which there is a new share. */
const TURN = 1_500;
const PAUSE = 400;
const TURNS = 10;
const SPENDING_TURNS = 10;
const MOST = 1.2;

type Counts = Readonly<Record<string, number>>;

/** What came of the calm tenant's requests: while it was alone, while the other spent its share, and while that flooded on. */
interface Latencies {
  alone: Outcome[];
  spending: Outcome[];
  beside: Outcome[];
}

/** One tenant asks for all it can get, while another goes about its work. */
export async function flood(bench: Bench): Promise<Figure[]> {
  return withGateway(bench, { RATE_LIMIT_ORGANIZATION: SHARE }, async ({ url }) => {
    const { here, abroad } = bench.world;
    const headers = bench.headersOf(here.provider);
    const workerData: FloodData = { url, headers, query: DATA_QUERY, clients: FLOOD_CLIENTS };
    const flooding = new Worker(new URL("./flood.ts", import.meta.url), { workerData });
    const sender = makeSender(url, bench.headersOf(abroad.provider));
    const ask = (milliseconds: number) =>
      openLoad(() => sender.send(CALM_QUERY), CALM_PER_SECOND, milliseconds);
    const besideFlood = async (milliseconds: number) => {
      flooding.postMessage(milliseconds + PAUSE);
      const over = once(flooding, "message") as Promise<[Counts]>;
      await sleep(PAUSE);
      const outcomes = await ask(milliseconds);
      const [counts] = await over;
      return { outcomes, counts };
    };
    await ask(TURN);
    const latencies: Latencies = { alone: [], spending: [], beside: [] };
    const all: Counts[] = [];
    while (!all.at(-1)?.["429"] && all.length < SPENDING_TURNS) {
      const { outcomes, counts } = await besideFlood(TURN);
      latencies.spending.push(...outcomes);
      all.push(counts);
    }
    // In short turns: whatever else happens on the machine happens to both.
    for (let turn = 0; turn < TURNS; turn++) {
      latencies.alone.push(...(await ask(TURN)));
      const flooded = await besideFlood(TURN);
      latencies.beside.push(...flooded.outcomes);
      all.push(flooded.counts);
      await sleep(PAUSE);
    }
    flooding.postMessage(0);
    await once(flooding, "exit");
    sender.close();
    return [figureOf(latencies, all)];
  });
}

function figureOf({ alone, spending, beside }: Latencies, all: Counts[]): Figure {
  const at = (outcomes: Outcome[], share: number) =>
    percentile(
      outcomes.map(({ milliseconds }) => milliseconds),
      share,
    );
  const ratio = at(beside, 0.99) / at(alone, 0.99);
  const sum = (status: string) => all.reduce((total, counts) => total + (counts[status] ?? 0), 0);
  const statuses = [...new Set(all.flatMap((counts) => Object.keys(counts)))].sort();
  const isServed = [...alone, ...spending, ...beside].every(isHonest);
  const words = statuses.map((status) => `${status} × ${sum(status).toLocaleString("en")}`).join(", ");
  const latency = (outcomes: Outcome[]) =>
    `p50 ${at(outcomes, 0.5).toFixed(1)}, p99 ${at(outcomes, 0.99).toFixed(1)} ms`;
  const more = `${ratio >= 1 ? "+" : ""}${((ratio - 1) * 100).toFixed(0)} %`;
  return {
    number: "–",
    fault: `A tenant has spent its share and floods on with ${FLOOD_CLIENTS} clients; another asks ${CALM_PER_SECOND} times a second`,
    promise:
      "the flood gets 429 with Retry-After, at a pace; the other is served as before, its p99 at most 20 % longer",
    measured: `the flood: ${words}; the other, ${beside.length} requests each: alone ${latency(alone)}, beside the flood ${latency(beside)} (p99 ${more}); in the seconds in which the share was spent ${latency(spending)}`,
    holds: isServed && sum("429") > 0 && ratio <= MOST,
  };
}
