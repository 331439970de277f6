import type { Pool, PoolClient } from "pg";

import { currentRequestContext, type RequestContext } from "../http/requestContext.ts";
import { cancelStatement } from "./cancelStatement.ts";
import type { ConnectionGate, Leave } from "./ConnectionGate.ts";
import type { Settings } from "./pipelined/BatchQuery.ts";
import { timeoutOf } from "./statementTimeout.ts";
import { setDeadline } from "./watchStatements.ts";

/** What is told of connections, for metrics. */
export interface ConnectionEvents {
  /** A transaction is run again because of this SQLSTATE. */
  onRetry(sqlState: string): void;
  /** A statement was stopped because nobody waits for its rows any more. */
  onCancel(): void;
  /** Milliseconds that a transaction waited for its connection and held it. */
  onLease(waited: number, held: number): void;
}

export interface ExclusiveConnections {
  pool: Pool;
  gate: ConnectionGate;
  events: ConnectionEvents;
}

/** `@dataplan/pg`'s own adaptor says the same: what compiling a plan saves is less than it costs. */
const WITHOUT_COMPILING = "set jit_optimize_above_cost to -1";
/** Milliseconds. */
const GRACE = 1_000;
const NEVER = new AbortController().signal;

const isSetUp = new WeakSet<PoolClient>();

/**
 * Lends a connection that nobody else uses meanwhile, to whom the gate lets in. The statement stops when the client leaves.
 *
 * @throws UNAVAILABLE when it would take too long to get one.
 */
export async function lendConnection<T>(
  { pool, gate, events }: ExclusiveConnections,
  settings: Settings,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  const request = currentRequestContext();
  const arrival = performance.now();
  // What may take long must not stand in the way of the tenant's other requests: the gate has lines of its own.
  request?.endTurn();
  const leave = await enterGate(gate, settings);
  try {
    const client = await pool.connect();
    const start = performance.now();
    const stopWatching = watchDeparture(client, request, events);
    const timeout = timeoutOf(settings);
    // A second more than the server gives itself.
    setDeadline(client, timeout === null ? null : timeout + GRACE);
    try {
      if (!isSetUp.has(client)) {
        isSetUp.add(client);
        await client.query(WITHOUT_COMPILING);
      }
      return await work(client);
    } finally {
      await stopWatching();
      // One that is still in a transaction could not roll back: nobody else gets it.
      client.release(client.getTransactionStatus() !== "I");
      recordLease(events, start - arrival, performance.now() - start);
    }
  } finally {
    leave();
  }
}

/**
 * Tenants wait in lines of their own, and people without one by themselves. So does what subscribers are told, and it waits
 * for as long as it takes: one change may be news for many at once, each of whom has one at a time, and as many sockets as are allowed.
 *
 * @throws UNAVAILABLE when it would take too long.
 */
export function enterGate(gate: Pick<ConnectionGate, "enter">, settings: Settings): Promise<Leave> {
  const request = currentRequestContext();
  const isNews = request?.operation?.kind === "subscription";
  const line = settings["app.organization_id"] || settings["jwt.claims.sub"] || "";
  return gate.enter(isNews ? `news ${line}` : line, request?.signal ?? NEVER, { isPatient: isNews });
}

/** Milliseconds, for the metrics and for the log line of the request that is being served. */
export function recordLease({ onLease }: ConnectionEvents, waited: number, held: number): void {
  const request = currentRequestContext();
  if (request) {
    request.database.transactions++;
    request.database.waited += waited;
    request.database.busy += held;
  }
  onLease(waited, held);
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
