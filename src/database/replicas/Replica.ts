import { setTimeout as sleep } from "node:timers/promises";

import type { Settings, Statement, StatementResult } from "../pipelined/BatchQuery.ts";

/** What a server says of itself. */
export interface ReplicaStatus {
  /** Null for one that follows nobody, or not our primary: what it says is of another world. */
  replayed: bigint | null;
}

interface ReplicaParts {
  /** Rejects when the replica cannot be reached. */
  readStatus: () => Promise<ReplicaStatus>;
  runStatement: (settings: Settings, statement: Statement) => Promise<StatementResult>;
  /** Milliseconds for which somebody waits until it has caught up. */
  patience: number;
}

/** What runs on a replica fails with it when that is found to be lost. */
export class ReplicaLost extends Error {
  override readonly name = "ReplicaLost";
}

export type ReplicaState = "ready" | "behind" | "lost";

/** Milliseconds between two looks at a replica that somebody waits for. */
const POLL_INTERVAL = 1;
/** Positions of the primary, by time, that a replica has not reached; more are not needed to say for how long it is behind. */
const MAXIMUM_MISSED = 1_000;

/** One streaming replica: how far it has replayed, and whether reads may go there. */
export class Replica {
  readonly #parts: ReplicaParts;
  readonly #abandons = new Set<(reason: Error) => void>();
  #state: ReplicaState = "lost";
  #replayed = 0n;
  #looking: Promise<void> | undefined;
  #lookedAt = -Infinity;
  /** Oldest first. */
  #missed: { time: number; position: bigint }[] = [];

  constructor(parts: ReplicaParts) {
    this.#parts = parts;
  }

  get state(): ReplicaState {
    return this.#state;
  }

  /** Statements that run there now. */
  get inFlight(): number {
    return this.#abandons.size;
  }

  /** Seconds for which it has not had what the primary had; as good as how often somebody compares. */
  get lagSeconds(): number {
    const [oldest] = this.#missed;
    return oldest === undefined ? 0 : (performance.now() - oldest.time) / 1000;
  }

  /** Whether it is known to have what stands at a position of the primary's log. */
  hasReached(position: bigint): boolean {
    return this.#state === "ready" && this.#replayed >= position;
  }

  /** Waits for that. Gets no reads any more when it takes too long, until `compare` finds that it does not. */
  async reach(position: bigint): Promise<boolean> {
    const reached = await this.#wait(position);
    if (!reached && this.#state === "ready") {
      this.#state = "behind";
    }
    return reached;
  }

  /** Looks whether it keeps up with the primary, and takes it in or out accordingly. `time`: when the primary was there. */
  async compare(position: bigint, time: number): Promise<void> {
    if (this.#missed.length < MAXIMUM_MISSED) {
      this.#missed.push({ time, position });
    }
    await this.#look();
    const reached = this.#isThere && (await this.#wait(position));
    if (this.#isThere) {
      this.#state = reached ? "ready" : "behind";
    }
  }

  /** Runs a read. Rejects with Postgres' error, and as soon as the replica is found to be lost. */
  run(settings: Settings, statement: Statement): Promise<StatementResult> {
    return new Promise((resolve, reject) => {
      this.#abandons.add(reject);
      const settle = () => void this.#abandons.delete(reject);
      this.#parts.runStatement(settings, statement).then(resolve, reject).finally(settle);
    });
  }

  /** Asks whether it is still there, after something went wrong. */
  suspect(): void {
    void this.#look();
  }

  /** Gives it no reads, and fails those that run there, until `compare` finds it again. */
  lose(): void {
    this.#state = "lost";
    // One that has crashed comes back with less than it had.
    this.#replayed = 0n;
    this.#abandons.forEach((abandon) => abandon(new ReplicaLost()));
  }

  get #isThere(): boolean {
    return this.#state !== "lost";
  }

  async #wait(position: bigint): Promise<boolean> {
    const deadline = performance.now() + this.#parts.patience;
    while (this.#replayed < position) {
      await this.#look();
      if (!this.#isThere || (this.#replayed < position && performance.now() > deadline)) {
        return false;
      }
    }
    return this.#isThere;
  }

  /** One look at a time, for everybody who waits; never rejects. */
  #look(): Promise<void> {
    return (this.#looking ??= this.#lookOnce().finally(() => (this.#looking = undefined)));
  }

  async #lookOnce(): Promise<void> {
    const pause = this.#lookedAt + POLL_INTERVAL - performance.now();
    if (pause > 0) {
      await sleep(pause);
    }
    try {
      const { replayed } = await this.#parts.readStatus();
      this.#lookedAt = performance.now();
      if (replayed === null) {
        this.lose();
        return;
      }
      this.#replayed = replayed;
      this.#missed = this.#missed.filter(({ position }) => position > replayed);
      if (this.#state === "lost") {
        this.#state = "behind";
      }
    } catch {
      this.lose();
    }
  }
}
