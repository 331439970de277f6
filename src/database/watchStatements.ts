import { type ClientBase, Query } from "pg";

import { withSpan } from "../telemetry/tracing.ts";

/** The part of node-postgres' client that has no types: the socket below the protocol. */
interface Connected {
  connection: { stream: { destroy(): void } };
}

/** Milliseconds. */
const LAST_CHANCE = 200;
const VERB_PATTERN = /^\s*(?:\/\*.*?\*\/\s*)?([a-z]+)/i;

/** Milliseconds for each connection that has a deadline now. */
const deadlines = new WeakMap<ClientBase, number>();

/**
 * Gives every statement of a connection a span where traces are on, and a deadline where one is set: a server that has
 * fallen silent (its network is gone, and nothing says so) does not keep its own `statement_timeout` either. A connection
 * that misses the deadline is broken off, which fails everything that waits for it.
 */
export function watchStatements(client: ClientBase): void {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown;
  const watched = (...args: unknown[]) => {
    // One that calls back instead of promising is watched by whoever sends it (watchStatement).
    return args[0] instanceof Query
      ? query(...args)
      : watchStatement(client, args[0], () => query(...args) as Promise<unknown>);
  };
  client.query = watched as typeof client.query;
}

/** The same for one statement, which `run` sends over the connection. */
export function watchStatement<T>(client: ClientBase, statement: unknown, run: () => Promise<T>): Promise<T> {
  const { connection } = client as unknown as Connected;
  const running = withSpan("postgres", () => describeStatement(statement), run);
  const deadline = deadlines.get(client);
  if (deadline !== undefined && running instanceof Promise) {
    limit(running, deadline, () => connection.stream.destroy());
  }
  return running;
}

/** Calls `onMissed` unless the promise has settled in time. */
function limit(running: Promise<unknown>, milliseconds: number, onMissed: () => void): void {
  // If this process was busy all the while, the answer may have come and not been read: it gets the chance now.
  const lookAgain = () =>
    (timer = setTimeout(() => setImmediate(() => isPending && onMissed()), LAST_CHANCE));
  let isPending = true;
  let timer = setTimeout(lookAgain, milliseconds);
  const settle = () => {
    isPending = false;
    clearTimeout(timer);
  };
  running.then(settle, settle);
}

/** From now on each statement of the connection has this many milliseconds; null for as many as it needs. */
export function setDeadline(client: ClientBase, milliseconds: number | null): void {
  if (milliseconds === null) {
    deadlines.delete(client);
  } else {
    deadlines.set(client, milliseconds);
  }
}

/** The statement's verb and prepared name: its text may hold values that were written into it. */
export function describeStatement(config: unknown): Record<string, string> {
  const { text, name } = (typeof config === "string" ? { text: config } : (config ?? {})) as {
    text?: unknown;
    name?: unknown;
  };
  const verb = typeof text === "string" ? VERB_PATTERN.exec(text)?.[1]?.toUpperCase() : undefined;
  return {
    "db.system.name": "postgresql",
    "db.operation.name": verb ?? "UNKNOWN",
    ...(typeof name === "string" && { "db.statement.name": name }),
  };
}
