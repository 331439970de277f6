import { isStalePlan } from "../stalePlans.ts";
import type { Settings, Statement, StatementResult } from "./BatchQuery.ts";
import { SharedConnection, type SharedConnectionOptions } from "./SharedConnection.ts";

export interface SharedConnectionsOptions extends SharedConnectionOptions {
  /** How many connections at most. */
  size: number;
  /** Told of each statement whose plan was of an older schema; it is prepared anew and run again. */
  onStalePlan: () => void;
}

interface Waiting {
  start: (connection: SharedConnection) => void;
  fail: (error: Error) => void;
}

/** Batches on one connection at most: behind a slow one, few may stand. */
export const DEPTH = 8;
/** Milliseconds after which a connection counts as blocked and gets no more batches while others have room. */
const BLOCKED_AFTER = 20;

/** Opens connections as they are needed, and gives each batch to the one with the shortest queue. */
export class SharedConnections {
  readonly #options: SharedConnectionsOptions;
  #connections: SharedConnection[] = [];
  #opening = 0;
  readonly #waiting: Waiting[] = [];
  #isClosed = false;

  constructor(options: SharedConnectionsOptions) {
    this.#options = options;
  }

  /** Batches in flight. */
  get inFlight(): number {
    return this.#connections.reduce((sum, { inFlight }) => sum + inFlight, 0);
  }

  /** Open connections. */
  get count(): number {
    return this.#connections.filter(({ isOpen }) => isOpen).length;
  }

  /** Runs one batch. Rejects with Postgres' error, or with the connection's when it was lost before the answer. */
  async run(settings: Settings, statement: Statement): Promise<StatementResult> {
    const start = (connection: SharedConnection) => this.#runFresh(connection, settings, statement);
    const connection = this.#choose();
    try {
      return await (connection
        ? start(connection)
        : new Promise<StatementResult>((resolve, fail) =>
            this.#waiting.push({ start: (free) => resolve(start(free)), fail }),
          ));
    } finally {
      this.#serveWaiting();
    }
  }

  /** Lets what is in flight be answered; whoever waits is refused. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#waiting.splice(0).forEach(({ fail }) => fail(closedError()));
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }

  /** Once more when the server's plan is of an older schema. Nothing was done then: the batch's transaction is rolled back. */
  async #runFresh(
    connection: SharedConnection,
    settings: Settings,
    statement: Statement,
  ): Promise<StatementResult> {
    try {
      return await connection.run(settings, statement);
    } catch (error) {
      if (statement.name === undefined || !isStalePlan(error)) {
        throw error;
      }
      this.#options.onStalePlan();
      connection.forget(statement.name);
      return connection.run(settings, statement);
    }
  }

  /** The connection that answers soonest; undefined when all have enough to do. */
  #choose(): SharedConnection | undefined {
    if (this.#isClosed) {
      throw closedError();
    }
    this.#connections = this.#connections.filter(({ isOpen }) => isOpen);
    const now = performance.now();
    const isBlocked = (connection: SharedConnection) => connection.busyFor(now) > BLOCKED_AFTER;
    const free = this.#connections.filter(
      (connection) => connection.inFlight < DEPTH && !isBlocked(connection),
    );
    const [first, ...rest] = free;
    const best = rest.reduce<SharedConnection | undefined>(
      (least, connection) => (least && least.inFlight <= connection.inFlight ? least : connection),
      first,
    );
    if (best === undefined || best.inFlight > 0) {
      this.#openAnother();
    }
    return best;
  }

  #openAnother(): void {
    if (this.#isClosed || this.#connections.length + this.#opening >= this.#options.size) {
      return;
    }
    this.#opening++;
    SharedConnection.open(this.#options).then(
      (connection) => {
        this.#opening--;
        this.#connections.push(connection);
        if (this.#isClosed) {
          void connection.close();
        }
        this.#serveWaiting();
      },
      (error: Error) => {
        this.#opening--;
        // Whoever waits for a server that cannot be reached is told, instead of waiting for the next attempt.
        if (this.#connections.length === 0 && this.#opening === 0) {
          this.#waiting.splice(0).forEach(({ fail }) => fail(error));
        }
      },
    );
  }

  #serveWaiting(): void {
    while (this.#waiting.length > 0 && !this.#isClosed) {
      const connection = this.#choose();
      if (!connection) {
        return;
      }
      this.#waiting.shift()?.start(connection);
    }
  }
}

function closedError(): Error {
  return new Error("Cannot use a pool after calling end on the pool");
}
