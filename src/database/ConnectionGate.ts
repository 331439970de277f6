import { AppError } from "../errors/AppError.ts";

export interface GateLimits {
  /** How many may be inside at the same time. */
  places: number;
  /** Milliseconds for which somebody waits for a place. */
  patience: number;
  /** How many wait at most; whoever comes then is turned away at once. */
  maximumWaiting: number;
}

/** Leaves the place to the next one; safe to call twice. */
export type Leave = () => void;

interface Waiter {
  admit(): void;
  isPatient: boolean;
}

export interface EnterOptions {
  /** Waits for as long as it takes and is never turned away: for what comes in a number that is bounded elsewhere. */
  isPatient?: boolean;
}

/** Why somebody did not get in. */
export type Refusal = "crowded" | "waited" | "gone";

/**
 * Lets in as many as there are connections. The others wait in one line for each tenant, and places are given to the
 * lines in turn: the flood of one tenant lengthens its own line only. Nobody who is not patient waits longer than
 * `patience`, so a busy database gives fast refusals and not slow ones.
 */
export class ConnectionGate {
  readonly #limits: GateLimits;
  readonly #onRefusal: (refusal: Refusal) => void;
  /** Lines by tenant, in the order in which it is their turn. A line without waiters is removed. */
  readonly #lines = new Map<string, Set<Waiter>>();
  #inside = 0;
  #waiting = 0;
  #waitingPatiently = 0;

  constructor(limits: GateLimits, onRefusal: (refusal: Refusal) => void = () => undefined) {
    this.#limits = limits;
    this.#onRefusal = onRefusal;
  }

  get inside(): number {
    return this.#inside;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Resolves with the way out when there is a place.
   *
   * @param line whose line to wait in.
   * @param signal aborted when whoever waits has gone away.
   * @throws UNAVAILABLE when too many wait already, when the wait takes too long, or when the signal is aborted.
   */
  enter(line: string, signal: AbortSignal, { isPatient = false }: EnterOptions = {}): Promise<Leave> {
    if (signal.aborted) {
      return Promise.reject(this.#refuse("gone"));
    }
    if (this.#inside < this.#limits.places) {
      this.#inside++;
      return Promise.resolve(this.#makeLeave());
    }
    if (!isPatient && this.#waiting - this.#waitingPatiently >= this.#limits.maximumWaiting) {
      return Promise.reject(this.#refuse("crowded"));
    }
    return this.#wait(line, signal, isPatient);
  }

  async #wait(line: string, signal: AbortSignal, isPatient: boolean): Promise<Leave> {
    const { promise, resolve, reject } = Promise.withResolvers<Leave>();
    const waiter = { admit: () => resolve(this.#makeLeave()), isPatient };
    const giveUp = (refusal: Refusal) => {
      this.#remove(line, waiter);
      reject(this.#refuse(refusal));
    };
    const onAbort = () => giveUp("gone");
    const timer = isPatient ? undefined : setTimeout(() => giveUp("waited"), this.#limits.patience);
    signal.addEventListener("abort", onAbort, { once: true });
    const waiters = this.#lines.get(line) ?? new Set();
    this.#lines.set(line, waiters.add(waiter));
    this.#waiting++;
    this.#waitingPatiently += Number(isPatient);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    }
  }

  #remove(line: string, waiter: Waiter): void {
    const waiters = this.#lines.get(line);
    if (waiters?.delete(waiter)) {
      this.#waiting--;
      this.#waitingPatiently -= Number(waiter.isPatient);
      if (waiters.size === 0) {
        this.#lines.delete(line);
      }
    }
  }

  #makeLeave(): Leave {
    let isInside = true;
    return () => {
      if (isInside) {
        isInside = false;
        this.#passOn();
      }
    };
  }

  /** Gives the place to the first of the line whose turn it is, which then is the last line. */
  #passOn(): void {
    const [next] = this.#lines;
    const waiter = next?.[1].values().next().value;
    if (!next || !waiter) {
      this.#inside--;
      return;
    }
    const [line, waiters] = next;
    this.#remove(line, waiter);
    if (waiters.size > 0) {
      this.#lines.delete(line);
      this.#lines.set(line, waiters);
    }
    waiter.admit();
  }

  #refuse(refusal: Refusal): AppError {
    this.#onRefusal(refusal);
    return new AppError("UNAVAILABLE", "The service is busy; nothing was read or changed.");
  }
}
