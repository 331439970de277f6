import type { ClientBase } from "pg";

import { withSpan } from "../telemetry/tracing.ts";

/** The part of node-postgres' client that has no types: the socket below the protocol. */
interface Connected {
  connection: { stream: { destroy(): void } };
}

const VERB_PATTERN = /^\s*(?:\/\*.*?\*\/\s*)?([a-z]+)/i;

/**
 * Gives every statement of a connection a span where traces are on, and a deadline where one is given: a server that has
 * fallen silent (its network is gone, and nothing says so) does not answer a `statement_timeout` either. A connection that
 * misses the deadline is broken off, which fails everything that waits for it.
 *
 * @param deadline milliseconds; longer than the server's own timeout.
 */
export function watchStatements(client: ClientBase, deadline?: number): void {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown;
  const { connection } = client as unknown as Connected;
  const watched = (...args: unknown[]) => {
    const running = withSpan(
      "postgres",
      () => describe(args[0]),
      () => query(...args),
    );
    if (deadline !== undefined && running instanceof Promise) {
      const timer = setTimeout(() => connection.stream.destroy(), deadline);
      const settle = () => clearTimeout(timer);
      running.then(settle, settle);
    }
    return running;
  };
  client.query = watched as typeof client.query;
}

/** The statement's verb and prepared name: its text may hold values that were written into it. */
function describe(config: unknown): Record<string, string> {
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
