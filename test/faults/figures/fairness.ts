import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { type Bench, type Figure, withGateway } from "./bench.ts";
import type { Counts, FloodData } from "./flood.ts";
import { DATA_QUERY, isHonest, makeSender, openLoad, type Outcome, percentile } from "./load.ts";

/** Of each tenant in a minute: a flood has spent it in seconds, a calm one never. */
const SHARE = "50000";
const CALM_QUERY = "{ patients(first: 5) { nodes { rowId city homeClinicId } } }";
const CALM_PER_SECOND = 80;
const FLOOD_CLIENTS = 50;
/** Milliseconds. */
const TURN = 2_000;
const PAUSE = 400;
/** In which the flood got nothing but refusals (there is a new share every minute); a p99 of fewer requests is chance. */
const TURNS = 36;
const MOST_TURNS = 120;
const MOST = 1.2;

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
    const flooding = startFlood({ url, headers, query: DATA_QUERY, clients: FLOOD_CLIENTS });
    const sender = makeSender(url, bench.headersOf(abroad.provider));
    const ask = () => openLoad(() => sender.send(CALM_QUERY), CALM_PER_SECOND, TURN);
    try {
      const latencies: Latencies = { alone: [], spending: [], beside: [] };
      const all: Counts[] = [];
      await ask();
      // In short turns: whatever else happens on the machine happens to both.
      for (let turn = 0, pure = 0; pure < TURNS && turn < MOST_TURNS; turn++) {
        const alone = await ask();
        flooding.send(PAUSE + TURN + PAUSE);
        const over = once(flooding, "message") as Promise<[Counts]>;
        await sleep(PAUSE);
        const beside = await ask();
        const [counts] = await over;
        all.push(counts);
        if (counts["200"]) {
          latencies.spending.push(...beside);
        } else {
          pure++;
          latencies.alone.push(...alone);
          latencies.beside.push(...beside);
        }
      }
      return [figureOf(latencies, all)];
    } finally {
      sender.close();
      flooding.kill();
    }
  });
}

function startFlood(data: FloodData): ChildProcess {
  return fork(join(import.meta.dirname, "flood.ts"), [JSON.stringify(data)]);
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
