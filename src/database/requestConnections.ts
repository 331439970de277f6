import { setTimeout as sleep } from "node:timers/promises";

import type { Pool, PoolClient } from "pg";
import {
  makeWithPgClientViaPgClientAlreadyInTransaction,
  type NodePostgresPgClient,
} from "postgraphile/@dataplan/pg/adaptors/pg";

import { DEADLOCK_DETECTED, FEATURE_NOT_SUPPORTED, SERIALIZATION_FAILURE } from "../errors/sqlStates.ts";
import { currentRequestContext, type RequestContext } from "../http/requestContext.ts";
import { cancelStatement } from "./cancelStatement.ts";
import type { ConnectionGate } from "./ConnectionGate.ts";
import { forgetPlans, isStalePlan } from "./stalePlans.ts";
import { setDeadline } from "./watchStatements.ts";

type Settings = Record<string, string | undefined> | null;
type Work<T> = (client: NodePostgresPgClient) => T | Promise<T>;

export interface ConnectionEvents {
  /** A transaction is run again because of this SQLSTATE. */
  onRetry(sqlState: string): void;
  /** A statement was stopped because nobody waits for its rows any more. */
  onCancel(): void;
  /** Milliseconds that a transaction waited for its connection and held it. */
  onLease(waited: number, held: number): void;
}

interface Parts {
  pool: Pool;
  gate: ConnectionGate;
  events: ConnectionEvents;
}

/** A transaction is tried this often in all. */
const ATTEMPTS = 4;
/** Milliseconds; each wait is a random one between this and twice as much, doubled from attempt to attempt. */
const FIRST_WAIT = 10;
/** `@dataplan/pg`'s own adaptor says the same: what compiling a plan saves is less than it costs. */
const WITHOUT_COMPILING = "set jit_optimize_above_cost to -1";
/** As Postgres reads it; without a unit in milliseconds. */
const TIMEOUT_PATTERN = /^([1-9]\d*)(m?s)?$/;
/** Milliseconds. */
const GRACE = 1_000;
const NEVER = new AbortController().signal;

/**
 * What PostGraphile's service takes connections from, instead of from the pool itself: through a gate that turns away what
 * would wait too long, with statements that stop when the client has left, and once more where Postgres says that only the
 * moment was wrong.
 */
export function makeRequestConnections(parts: Parts) {
  const prepared = new WeakSet<PoolClient>();
  /** Rises when a plan was found stale: connections of before drop theirs when they are lent next. */
  let generation = 0;
  const generations = new WeakMap<PoolClient, number>();

  const prepare = async (client: PoolClient) => {
    if (!prepared.has(client)) {
      prepared.add(client);
      generations.set(client, generation);
      await client.query(WITHOUT_COMPILING);
    } else if (generations.get(client) !== generation) {
      generations.set(client, generation);
      await forgetPlans(client);
    }
  };

  const withPgClient = async <T>(settings: Settings, work: Work<T>): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      let statements = 0;
      try {
        return await lease(parts, settings, prepare, (client) =>
          work(counted(client, (count) => (statements += count))),
        );
      } catch (error) {
        // What was decided between two statements might come out differently now; a single one starts from nothing.
        const reason = statements <= 1 ? passingReason(error) : null;
        if (reason === null || attempt === ATTEMPTS) {
          throw error;
        }
        parts.events.onRetry(reason);
        generation += reason === FEATURE_NOT_SUPPORTED ? 1 : 0;
        // At random, or two that met would meet again.
        await sleep(FIRST_WAIT * 2 ** (attempt - 1) * (1 + Math.random()));
      }
    }
  };
  return { createWithPgClient: () => Object.assign(withPgClient, { release: () => undefined }) };
}

/** The SQLSTATE of an error after which the same transaction may well succeed: it has left nothing, and did not commit. */
function passingReason(error: unknown): string | null {
  const { code } = (error ?? {}) as { code?: unknown };
  if (code === SERIALIZATION_FAILURE || code === DEADLOCK_DETECTED) {
    return code;
  }
  return isStalePlan(error) ? FEATURE_NOT_SUPPORTED : null;
}

/** The same client, which tells how many statements go through it; a transaction of its own counts as several. */
function counted(client: NodePostgresPgClient, onStatements: (count: number) => void): NodePostgresPgClient {
  return {
    rawClient: client.rawClient,
    query: (options) => {
      onStatements(1);
      return client.query(options);
    },
    withTransaction: (callback) => {
      onStatements(2);
      return client.withTransaction(callback);
    },
  };
}

async function lease<T>(
  { pool, gate, events }: Parts,
  settings: Settings,
  prepare: (client: PoolClient) => Promise<void>,
  work: Work<T>,
): Promise<T> {
  const request = currentRequestContext();
  const arrival = performance.now();
  const leave = await gate.enter(lineOf(settings), request?.signal ?? NEVER);
  try {
    const client = await pool.connect();
    const start = performance.now();
    const stopWatching = watchDeparture(client, request, events);
    setDeadline(client, deadlineOf(settings));
    try {
      await prepare(client);
      return await makeWithPgClientViaPgClientAlreadyInTransaction(client)(settings, work);
    } finally {
      await stopWatching();
      // One that is still in a transaction could not roll back: nobody else gets it.
      client.release(client.getTransactionStatus() !== "I");
      record(request, start - arrival, performance.now() - start);
      events.onLease(start - arrival, performance.now() - start);
    }
  } finally {
    leave();
  }
}

/** Tenants wait in lines of their own, and people without one by themselves. */
function lineOf(settings: Settings): string {
  return settings?.["app.organization_id"] ?? settings?.["jwt.claims.sub"] ?? "";
}

/** A second more than the server gives itself; null where it has no limit (reading the catalogue for the schema). */
function deadlineOf(settings: Settings): number | null {
  const [, number, unit] = TIMEOUT_PATTERN.exec(settings?.statement_timeout ?? "") ?? [];
  return number === undefined ? null : Number(number) * (unit === "s" ? 1000 : 1) + GRACE;
}

function record(request: RequestContext | undefined, waited: number, busy: number): void {
  if (request) {
    request.database.transactions++;
    request.database.waited += waited;
    request.database.busy += busy;
  }
}

/**
 * Stops the statement when the client leaves. A mutation is finished all the same: its client may come back and ask with
 * the same idempotency key what has become of it.
 *
 * @returns to be awaited before anybody else gets the connection: a cancellation on its way would hit the wrong statement.
 */
function watchDeparture(
  client: PoolClient,
  request: RequestContext | undefined,
  { onCancel }: ConnectionEvents,
): () => Promise<void> {
  if (request === undefined || request.operation?.kind === "mutation") {
    return async () => undefined;
  }
  let cancellation: Promise<void> | undefined;
  const onAbort = () => {
    onCancel();
    cancellation = cancelStatement(client);
  };
  request.signal.addEventListener("abort", onAbort, { once: true });
  return async () => {
    request.signal.removeEventListener("abort", onAbort);
    await cancellation;
  };
}
