import { setTimeout as sleep } from "node:timers/promises";

/** How often somebody who has spent all is told so, at most; whoever asks more often is told later. */
const REFUSALS_PER_SECOND = 50;
/** Told at once after a rest, so that nobody who keeps to `Retry-After` ever waits. */
const FREE_REFUSALS = 100;
/** Milliseconds. Whoever has more requests waiting than are refused in that time is cut off. */
const LONGEST_WAIT = 10_000;
const INTERVAL = 1000 / REFUSALS_PER_SECOND;
/** Beyond it, paces that are over are forgotten. */
const REMEMBERED = 10_000;

/**
 * Gives refusals a pace of their own for each payer. Even a refusal takes time from everybody else, and clients that ask
 * again the moment they are refused would have all of it; kept waiting, they ask as seldom as they are answered.
 */
export class RefusalPace {
  /** When the next refusal of a payer is due (`performance.now()`). */
  readonly #due = new Map<string, number>();
  readonly #over = new AbortController();

  /**
   * Resolves when it is the payer's turn to be refused, or when the process stops or the client has gone.
   *
   * @returns false, at once, if too many wait already: close the connection.
   */
  async wait(payer: string, signal: AbortSignal): Promise<boolean> {
    const now = performance.now();
    const due = Math.max(this.#due.get(payer) ?? 0, now - FREE_REFUSALS * INTERVAL) + INTERVAL;
    if (due - now > LONGEST_WAIT) {
      return false;
    }
    this.#due.set(payer, due);
    this.#forget(now);
    if (due > now) {
      const ended = AbortSignal.any([signal, this.#over.signal]);
      await sleep(due - now, undefined, { signal: ended }).catch(() => undefined);
    }
    return true;
  }

  /** Lets everybody go who waits, and nobody wait any more: a process that stops answers at once. */
  end(): void {
    this.#over.abort();
  }

  #forget(now: number): void {
    if (this.#due.size > REMEMBERED) {
      for (const [payer, due] of this.#due) {
        if (due < now) {
          this.#due.delete(payer);
        }
      }
    }
  }
}
