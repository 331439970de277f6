import pg from "pg";
import type { Logger } from "pino";

import { withSpan } from "../../telemetry/tracing.ts";
import { describeStatement } from "../watchStatements.ts";
import type { Settings, Statement, StatementResult } from "./BatchQuery.ts";
import { PreparedStatements } from "./PreparedStatements.ts";
import { runBatch } from "./runBatch.ts";
import type { StatementTimes } from "./StatementTimes.ts";

export interface SharedConnectionOptions {
  url: string;
  applicationName: string;
  /** Of named statements. */
  preparedLimit: number;
  /** Told how long the server took for a named statement, without the time in the queue. */
  times: StatementTimes;
  logger: Logger;
}

const CONNECTION_TIMEOUT = 5_000;
/** Milliseconds: longer than all statements before it may take, so that only a network that has gone silent takes it. */
const ANSWER_TIMEOUT = 10_000;
/** Compiling a plan costs more than the short statements here could gain by it. */
const SETUP = "set jit_optimize_above_cost = -1";

/** One connection that many requests use at once: each sends its batch without waiting for the answers to those before. */
export class SharedConnection {
  readonly #client: pg.Client;
  readonly #prepared: PreparedStatements;
  #inFlight = 0;
  #isOpen = true;
  #since = 0;

  readonly #times: StatementTimes;

  private constructor(
    client: pg.Client,
    { preparedLimit, times }: Pick<SharedConnectionOptions, "preparedLimit" | "times">,
  ) {
    this.#client = client;
    this.#times = times;
    this.#prepared = new PreparedStatements(preparedLimit);
  }

  /** Rejects when the server cannot be reached in five seconds, or refuses. */
  static async open(options: SharedConnectionOptions): Promise<SharedConnection> {
    const { url, applicationName, logger } = options;
    const client = new pg.Client({
      connectionString: url,
      application_name: applicationName,
      connectionTimeoutMillis: CONNECTION_TIMEOUT,
      query_timeout: ANSWER_TIMEOUT,
      keepAlive: true,
      pipeline: true,
    });
    const connection = new SharedConnection(client, options);
    client.on("error", (error) => {
      connection.#isOpen = false;
      logger.warn({ err: error }, "A shared database connection was lost");
    });
    client.on("end", () => (connection.#isOpen = false));
    await client.connect();
    await client.query(SETUP);
    return connection;
  }

  /** False once the server or the network has ended it. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Batches that wait for their answer. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** For how many milliseconds the oldest unanswered batch, or one that came after it, has kept the server busy. */
  busyFor(now: number): number {
    return this.#inFlight === 0 ? 0 : now - this.#since;
  }

  /** Rejects with Postgres' error, or with the connection's when it is lost before the answer. */
  async run(settings: Settings, statement: Statement): Promise<StatementResult> {
    const sent = performance.now();
    if (this.#inFlight++ === 0) {
      this.#since = sent;
    }
    try {
      return await withSpan(
        "postgres",
        () => describeStatement(statement),
        () => runBatch(this.#client, settings, statement, this.#prepared),
      );
    } finally {
      this.#inFlight--;
      const now = performance.now();
      this.#times.record(statement.name, now - Math.max(this.#since, sent));
      this.#since = now;
    }
  }

  /** The next batch with this statement parses it anew. */
  forget(name: string): void {
    this.#prepared.forget(name);
  }

  /** Answers what is in flight, then says goodbye. */
  async close(): Promise<void> {
    this.#isOpen = false;
    await this.#client.end();
  }
}
