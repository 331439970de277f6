import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";

import type { RateLimits } from "./parseLimits.ts";

export type Payer = { [K in keyof RateLimits]: { kind: K; id: string } }[keyof RateLimits];

/** How much of its share a payer has left in the running window. */
export interface Allowance {
  limit: number;
  remaining: number;
  /** Seconds until the window ends. */
  reset: number;
  isExceeded: boolean;
}

/** Points by payer (as `keyOf` names them). */
export type Usage = Map<string, number>;

export const WINDOW_SECONDS = 60;

/**
 * Counts points of users, organizations and addresses in windows of a minute. It counts in memory, so that no request
 * waits for it; `takeUsage` and `addUsage` exchange the counts with other processes.
 */
export class RateLimiter {
  readonly #limiters: Partial<Record<Payer["kind"], RateLimiterMemory>> = {};
  #usage: Usage = new Map();

  constructor(limits: RateLimits) {
    for (const kind of ["user", "organization", "address"] as const) {
      if (limits[kind] > 0) {
        const options = { points: limits[kind], duration: WINDOW_SECONDS, keyPrefix: kind };
        this.#limiters[kind] = new RateLimiterMemory(options);
      }
    }
  }

  /**
   * Takes points from each payer, in this order, until one has too few; the rest then pays nothing, and is not even asked for.
   *
   * @returns the scarcest allowance, or the one that is exceeded; null where nothing is limited.
   */
  async charge(payers: Iterable<Payer> | AsyncIterable<Payer>, points: number): Promise<Allowance | null> {
    let scarcest: Allowance | null = null;
    for await (const { kind, id } of payers) {
      const limiter = this.#limiters[kind];
      if (limiter) {
        const allowance = await consume(limiter, id, points);
        if (allowance.isExceeded) {
          return allowance;
        }
        this.#note(keyOf({ kind, id }), points);
        if (!scarcest || allowance.remaining < scarcest.remaining) {
          scarcest = allowance;
        }
      }
    }
    return scarcest;
  }

  /** What was charged here since the last call. */
  takeUsage(): Usage {
    const usage = this.#usage;
    this.#usage = new Map();
    return usage;
  }

  /** Counts what was charged elsewhere. Keys that are not of `keyOf` are ignored. */
  async addUsage(usage: Usage): Promise<void> {
    for (const [key, points] of usage) {
      const [kind = "", id = ""] = key.split(/:(.*)/s);
      await this.#limiters[kind as Payer["kind"]]?.penalty(id, points);
    }
  }

  #note(key: string, points: number): void {
    this.#usage.set(key, (this.#usage.get(key) ?? 0) + points);
  }
}

function keyOf({ kind, id }: Payer): string {
  return `${kind}:${id}`;
}

async function consume(limiter: RateLimiterMemory, id: string, points: number): Promise<Allowance> {
  try {
    return allowanceOf(limiter, await limiter.consume(id, points), false);
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) {
      return allowanceOf(limiter, refusal, true);
    }
    throw refusal;
  }
}

function allowanceOf({ points }: RateLimiterMemory, state: RateLimiterRes, isExceeded: boolean): Allowance {
  return {
    limit: points,
    remaining: Math.max(0, state.remainingPoints),
    reset: Math.max(1, Math.ceil(state.msBeforeNext / 1000)),
    isExceeded,
  };
}
