import { Pool } from "pg";
import type { Logger } from "pino";

import { setDeadline, watchStatements } from "./watchStatements.ts";

export interface PoolOptions {
  max: number;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  /** Milliseconds after which a statement without an answer means that the connection is dead; none by default. */
  statementDeadline?: number | null;
}

const CONNECTION_TIMEOUT = 5_000;
/** An idle connection whose other end is gone is noticed by the kernel's probes, which begin after this. */
const KEEP_ALIVE_DELAY = 10_000;

/** A pool that survives the loss of its server: connections that break are logged and replaced. */
export function makePool(
  url: string,
  { max, applicationName, statementDeadline = null }: PoolOptions,
  logger: Logger,
): Pool {
  const pool = new Pool({
    connectionString: url,
    max,
    application_name: applicationName,
    connectionTimeoutMillis: CONNECTION_TIMEOUT,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY,
  });
  const tell = (error: Error) => {
    // An ending pool counts its connections as gone before the server does.
    if (!pool.ending) {
      logger.warn({ err: error }, "A database connection was lost");
    }
  };
  pool.on("error", tell);
  // The pool stops listening to a connection while it is lent out; unheard, its loss would end the process.
  pool.on("connect", (client) => {
    client.on("error", tell);
    watchStatements(client);
    setDeadline(client, statementDeadline);
  });
  return pool;
}
