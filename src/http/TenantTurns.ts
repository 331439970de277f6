import { AppError } from "../errors/AppError.ts";

/** Lets the tenant's next request have its turn; safe to call twice. */
export type EndTurn = () => void;

interface Line {
  running: number;
  waiting: Set<() => void>;
}

/** Requests of one tenant that are worked on at the same time while others ask too. */
const TOGETHER = 8;
/** Of all requests that the process takes, those of one tenant that may wait: the others must find room. */
const WAITING_SHARE = 0.5;
/** Milliseconds for which a tenant counts as present after a request. */
const PRESENCE = 1_000;

/**
 * Keeps one tenant's crowd from being everybody's: while more than one tenant asks, each has a few requests under way and
 * the others wait in a line of its own. A tenant alone may have as much as the machine can do.
 */
export class TenantTurns {
  readonly #maximumWaiting: number;
  readonly #onRefusal: () => void;
  readonly #lines = new Map<string, Line>();
  /** Who has asked in this second, and in the one before. */
  #present = new Set<string>();
  #presentBefore = new Set<string>();
  #since = performance.now();

  /** @param maximum requests that the process takes in at the same time, of all tenants. */
  constructor(maximum: number, onRefusal: () => void = () => undefined) {
    this.#maximumWaiting = Math.ceil(maximum * WAITING_SHARE);
    this.#onRefusal = onRefusal;
  }

  /**
   * Resolves when it is the turn of a request, with what ends it; null when its client has left before.
   *
   * @throws UNAVAILABLE when too many of the tenant's wait already.
   */
  async take(tenant: string, signal: AbortSignal): Promise<EndTurn | null> {
    // A signal that is aborted already tells nobody: the turn would never end.
    if (signal.aborted) {
      return null;
    }
    this.#notePresence(tenant);
    const line = this.#lines.get(tenant) ?? { running: 0, waiting: new Set() };
    this.#lines.set(tenant, line);
    if (line.waiting.size === 0 && this.#hasRoom(line)) {
      line.running++;
      return this.#makeEnd(tenant, line);
    }
    if (line.waiting.size >= this.#maximumWaiting) {
      this.#onRefusal();
      throw new AppError(
        "UNAVAILABLE",
        "Too many of your requests wait already; nothing was read or changed.",
      );
    }
    if (!(await this.#wait(line, signal))) {
      return null;
    }
    const end = this.#makeEnd(tenant, line);
    if (signal.aborted) {
      end();
      return null;
    }
    return end;
  }

  #wait(line: Line, signal: AbortSignal): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const settle = (hasTurn: boolean) => {
      line.waiting.delete(admit);
      signal.removeEventListener("abort", leave);
      resolve(hasTurn);
    };
    const admit = () => settle(true);
    const leave = () => settle(false);
    line.waiting.add(admit);
    signal.addEventListener("abort", leave, { once: true });
    return promise;
  }

  #makeEnd(tenant: string, line: Line): EndTurn {
    let isRunning = true;
    return () => {
      if (!isRunning) {
        return;
      }
      isRunning = false;
      line.running--;
      for (const admit of line.waiting) {
        if (!this.#hasRoom(line)) {
          break;
        }
        line.running++;
        admit();
      }
      if (line.running === 0 && line.waiting.size === 0) {
        this.#lines.delete(tenant);
      }
    };
  }

  #hasRoom(line: Line): boolean {
    return line.running < TOGETHER || !this.#isShared();
  }

  #isShared(): boolean {
    this.#turnSecond();
    return new Set([...this.#present, ...this.#presentBefore]).size > 1;
  }

  #notePresence(tenant: string): void {
    this.#turnSecond();
    this.#present.add(tenant);
  }

  #turnSecond(): void {
    const elapsed = performance.now() - this.#since;
    if (elapsed >= PRESENCE) {
      this.#presentBefore = elapsed < 2 * PRESENCE ? this.#present : new Set();
      this.#present = new Set();
      this.#since = performance.now();
    }
  }
}
