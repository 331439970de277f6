import { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

import { type Answer, post } from "../../support/Balancer.ts";

/** Milliseconds. */
const PAUSE = 10;

export interface Outcome {
  /** HTTP status, or 0 where no whole answer came. */
  status: number;
  milliseconds: number;
  /** Milliseconds since the load began, at the end of the answer. */
  at: number;
  answer: Answer | null;
  /** Why there is no whole answer. */
  failure: string | null;
}

export type Send = () => Promise<Answer>;

export const DATA_QUERY = "{ patients(first: 20) { nodes { rowId city homeClinicId } } }";
export const LIGHT_QUERY = "{ clinics { nodes { rowId } } }";

/** Sends to one address over kept connections. */
export function makeSender(url: string, headers: Record<string, string>, maximumSockets = Infinity) {
  const agent = new Agent({ keepAlive: true, maxSockets: maximumSockets });
  return {
    send: (query: string, more: Record<string, string> = {}) =>
      post(`${url}/graphql`, agent, { query }, { ...headers, ...more }),
    close: () => agent.destroy(),
  };
}

async function timed(send: Send, began: number): Promise<Outcome> {
  const start = performance.now();
  let failure: string | null = null;
  const answer = await send().catch((error: Error) => {
    failure = error.message;
    // After a pause: what fails at once must not fail as fast as it can.
    return sleep(PAUSE, null);
  });
  const end = performance.now();
  return { status: answer?.status ?? 0, milliseconds: end - start, at: end - began, answer, failure };
}

/** As many at a time as there are clients, each with its next request as soon as it has its answer. */
export async function closedLoad(send: Send, clients: number, milliseconds: number): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const began = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (performance.now() - began < milliseconds) {
        outcomes.push(await timed(send, began));
      }
    }),
  );
  return outcomes;
}

/** So many a second, whether the earlier ones have been answered or not: what a crowd does. */
export async function openLoad(send: Send, perSecond: number, milliseconds: number): Promise<Outcome[]> {
  const running: Promise<Outcome>[] = [];
  const began = performance.now();
  for (let elapsed = 0; elapsed < milliseconds; elapsed = performance.now() - began) {
    const due = Math.floor((elapsed / 1000) * perSecond);
    while (running.length < due) {
      running.push(timed(send, began));
    }
    await sleep(5);
  }
  return Promise.all(running);
}

export function percentile(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

/** How many outcomes had each status, as words: `200 × 1,204, 503 × 3`. */
export function tally(outcomes: readonly Outcome[]): string {
  const counts = new Map<number, number>();
  for (const { status } of outcomes) {
    counts.set(status, (counts.get(status) ?? 0) + 1);
  }
  return [...counts]
    .sort(([a], [b]) => a - b)
    .map(([status, count]) => `${status === 0 ? "no answer" : status} × ${count.toLocaleString("en")}`)
    .join(", ");
}

/** Whether everything was either right or said honestly that it could not be done. */
export function isHonest({ status, answer }: Outcome): boolean {
  if (status === 503) {
    return answer?.headers["retry-after"] !== undefined;
  }
  return status === 200 && !answer?.text.includes('"errors"');
}
