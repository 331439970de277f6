import { LRUCache } from "lru-cache";

import { classifyError } from "../../errors/classifyError.ts";
import {
  DEADLOCK_DETECTED,
  OBJECT_NOT_IN_PREREQUISITE_STATE,
  READ_ONLY_SQL_TRANSACTION,
  SERIALIZATION_FAILURE,
} from "../../errors/sqlStates.ts";
import { currentRequestContext, type RequestContext } from "../../http/requestContext.ts";
import type { ReplicaEvents } from "../../telemetry/observeReplicas.ts";
import type { Settings, Statement, StatementResult } from "../pipelined/BatchQuery.ts";
import { isStalePlan } from "../stalePlans.ts";
import type { PrimaryPosition } from "./PrimaryPosition.ts";
import { type Replica, ReplicaLost } from "./Replica.ts";

/** Why the primary answered what a replica could have. */
export type FallbackReason = "behind" | "lost" | "conflict" | "writes" | "plan" | "unknown";

interface ReplicaReadParts extends ReplicaEvents {
  replicas: readonly Replica[];
  primary: PrimaryPosition;
  /** By how many milliseconds an answer may be out of date. */
  staleness: number;
}

/** Statements that are remembered because they write although they are asked as reads. */
const REMEMBERED_STATEMENTS = 1_000;
/** People whose last write is remembered, for as long as a replica may be out of date. */
const REMEMBERED_PEOPLE = 20_000;

/**
 * Which reads go to replicas, and what they must have there. Never one that misses what was committed `staleness` ago, what
 * the same person has written before, or what this gateway has heard of rights that ended.
 */
export class ReplicaReads {
  readonly #parts: ReplicaReadParts;
  readonly #writing = new LRUCache<string, true>({ max: REMEMBERED_STATEMENTS });
  readonly #writtenAt: LRUCache<string, number>;
  /** Nobody's answer may be older. */
  #freshSince = -Infinity;

  constructor(parts: ReplicaReadParts) {
    this.#parts = parts;
    // What was written before is in every answer by then.
    this.#writtenAt = new LRUCache({ max: REMEMBERED_PEOPLE, ttl: parts.staleness + 1_000 });
  }

  get replicas(): readonly Replica[] {
    return this.#parts.replicas;
  }

  /** From now on every answer has what is committed at this moment: somebody's rights have become less. */
  forbidEarlier(): void {
    this.#freshSince = performance.now();
  }

  /**
   * A mutation has ended: its author's answers have it from now on.
   *
   * @returns where it stands in the primary's log, for reads by way of other gateways; null where that cannot be found out.
   */
  async noteWrite(userId: string | null): Promise<bigint | null> {
    const now = performance.now();
    if (userId === null) {
      // Signing in: whose it was is known when they come back.
      this.#freshSince = now;
    } else {
      this.#writtenAt.set(userId, now);
    }
    return this.#parts.primary.after(now).catch(() => null);
  }

  /**
   * @returns null when the statement has to run on the primary; nothing was done then.
   * @throws Postgres' error, where it is the statement's own.
   */
  async tryRun(settings: Settings, statement: Statement): Promise<StatementResult | null> {
    const context = currentRequestContext();
    // Only of a query: what else reads may go on to write, or tells what has just changed.
    if (statement.name === undefined || context?.operation?.kind !== "query") {
      return null;
    }
    const result = await this.#attempt(settings, statement, context);
    const { onRead, onFallback } = this.#parts;
    if (typeof result === "string") {
      onFallback(result);
      onRead("primary");
      return null;
    }
    onRead("replica");
    return result;
  }

  async #attempt(
    settings: Settings,
    statement: Statement,
    context: RequestContext,
  ): Promise<StatementResult | FallbackReason> {
    if (this.#writing.has(statement.name ?? "")) {
      return "writes";
    }
    const time = this.#timeOf(context);
    if (this.#ready.length === 0) {
      return this.#whyNone();
    }
    const position = await this.#positionAt(time, context);
    if (position === null) {
      return "unknown";
    }
    const replica = this.#choose(position);
    if (!replica || !(await replica.reach(position))) {
      return this.#whyNone();
    }
    try {
      return await replica.run(settings, statement);
    } catch (error) {
      const reason = fallbackReason(error);
      if (reason === null) {
        throw error;
      }
      if (reason === "lost") {
        replica.suspect();
      } else if (reason === "writes") {
        this.#writing.set(statement.name ?? "", true);
      }
      return reason;
    }
  }

  /** What was committed by then has to be in the answer. */
  #timeOf({ userId }: RequestContext): number {
    const own = (userId === null ? undefined : this.#writtenAt.get(userId)) ?? -Infinity;
    return Math.max(performance.now() - this.#parts.staleness, this.#freshSince, own);
  }

  /** Null when the primary does not say how far it is, or is not where the client says that it was. */
  async #positionAt(time: number, { databasePosition }: RequestContext): Promise<bigint | null> {
    const { primary } = this.#parts;
    try {
      const position = await primary.after(time);
      if (databasePosition === null || databasePosition <= position) {
        return position;
      }
      // Nobody waits for what a client made up.
      return databasePosition <= (await primary.after(performance.now())) ? databasePosition : null;
    } catch {
      return null;
    }
  }

  #whyNone(): FallbackReason {
    return this.replicas.some(({ state }) => state !== "lost") ? "behind" : "lost";
  }

  get #ready(): Replica[] {
    return this.replicas.filter(({ state }) => state === "ready");
  }

  /** Of those that have the position, or else of all, the one that has least to do. */
  #choose(position: bigint): Replica | undefined {
    const ready = this.#ready;
    const there = ready.filter((replica) => replica.hasReached(position));
    return (there.length > 0 ? there : ready).toSorted((one, other) => one.inFlight - other.inFlight)[0];
  }
}

/** Null where the primary would say the same. */
function fallbackReason(error: unknown): FallbackReason | null {
  const { code } = (error ?? {}) as { code?: unknown };
  switch (code) {
    case READ_ONLY_SQL_TRANSACTION:
    case OBJECT_NOT_IN_PREREQUISITE_STATE:
      return "writes";
    case SERIALIZATION_FAILURE:
    case DEADLOCK_DETECTED:
      return "conflict";
  }
  if (isStalePlan(error)) {
    return "plan";
  }
  return error instanceof ReplicaLost || classifyError(error, false).code === "UNAVAILABLE" ? "lost" : null;
}
