import type { ClientBase, Pool } from "pg";
import type { Logger } from "pino";

import { makePool } from "./makePool.ts";

/** Milliseconds between two signs of life of a connection: without any, silence could mean anything. */
const PROBE_INTERVAL = 10_000;
/** Milliseconds; a statement without an answer for that long is a lost connection. */
const ANSWER_DEADLINE = 5_000;

/**
 * A pool of one connection for whoever waits to be told something. A network that has fallen silent looks like a database
 * in which nothing happens, so the connection asks for an answer now and then, and is broken off when none comes.
 */
export function makeListeningPool(url: string, applicationName: string, logger: Logger): Pool {
  const pool = makePool(url, { max: 1, applicationName, statementDeadline: ANSWER_DEADLINE }, logger);
  pool.on("connect", (client) => {
    queueStatements(client);
    const probe = () => client.query("select 1").catch(() => undefined);
    const timer = setInterval(() => void probe(), PROBE_INTERVAL);
    timer.unref();
    client.once("end", () => clearInterval(timer));
  });
  return pool;
}

/** A probe may meet another statement: pg 9 will not put them in line any more, and pg 8 warns of it. */
function queueStatements(client: ClientBase): void {
  const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>;
  let last: Promise<unknown> = Promise.resolve();
  const queued = (...args: unknown[]) => {
    const result = last.then(() => query(...args));
    last = result.catch(() => undefined);
    return result;
  };
  client.query = queued as typeof client.query;
}
