import { setTimeout as sleep } from "node:timers/promises";

import type { PoolClient } from "pg";
import {
  makeWithPgClientViaPgClientAlreadyInTransaction,
  type NodePostgresPgClient,
} from "postgraphile/@dataplan/pg/adaptors/pg";

import { DEADLOCK_DETECTED, FEATURE_NOT_SUPPORTED, SERIALIZATION_FAILURE } from "../errors/sqlStates.ts";
import { type ExclusiveConnections, lendConnection } from "./exclusiveConnections.ts";
import type { Settings, Statement, StatementResult } from "./pipelined/BatchQuery.ts";
import { PreparedStatements } from "./pipelined/PreparedStatements.ts";
import { runBatch } from "./pipelined/runBatch.ts";
import type { ShortReads } from "./pipelined/ShortReads.ts";
import type { ReplicaReads } from "./replicas/ReplicaReads.ts";
import { isStalePlan } from "./stalePlans.ts";
import { watchStatement } from "./watchStatements.ts";
import { writeName } from "./writeName.ts";

export interface RequestConnectionParts extends ExclusiveConnections {
  shortReads: ShortReads;
  /** Named statements that a connection keeps prepared; 0 where a pooler in between knows none (PgBouncer before 1.21). */
  preparedLimit: number;
  /** Where queries are answered instead, as far as they can be. */
  replicas?: ReplicaReads | null;
}

type GivenSettings = Record<string, string | undefined> | null;
type Work<T> = (client: NodePostgresPgClient) => T | Promise<T>;

/** A statement is tried this often in all. */
const ATTEMPTS = 4;
/** Milliseconds; each wait is a random one between this and twice as much, doubled from attempt to attempt. */
const FIRST_WAIT = 10;

/** What each connection has prepared. */
const books = new WeakMap<PoolClient, PreparedStatements>();

/**
 * What PostGraphile's service takes connections from, instead of from the pool itself. Settings, statement and commit take
 * one round trip: each statement of a plan is a transaction by itself, and `withTransaction` makes several of them one. A
 * statement that comes with a name is a read (Grafast gives mutations none); those known to be short share a few
 * connections, many at a time. All others go through a gate that turns away what would wait too long, and once more where
 * Postgres says that only the moment was wrong. Where there are replicas, they answer the reads of queries.
 */
export function makeRequestConnections(parts: RequestConnectionParts) {
  const runExclusive = makeRunExclusive(parts);
  const run = async (settings: Settings, statement: Statement): Promise<StatementResult> =>
    (await parts.replicas?.tryRun(settings, statement)) ??
    (await parts.shortReads.tryRun(settings, statement)) ??
    runAgain(parts, () => runExclusive(settings, statement));

  const withPgClient = <T>(given: GivenSettings, work: Work<T>): Promise<T> => {
    const settings = definedSettings(given);
    const client = {
      query: async (statement: Statement) => ({ notices: [], ...(await run(settings, statement)) }),
      withTransaction: <R>(inner: Work<R>) =>
        lendConnection(parts, settings, (connection) =>
          makeWithPgClientViaPgClientAlreadyInTransaction(connection)(settings, (transaction) =>
            inner(withoutNames(transaction)),
          ),
        ),
    };
    // Nothing of ours asks for the stock client's `rawClient`, which a shared connection cannot lend out.
    return Promise.resolve(work(client as unknown as NodePostgresPgClient));
  };
  return { createWithPgClient: () => Object.assign(withPgClient, { release: () => undefined }) };
}

/** One statement on a connection that nobody else uses meanwhile. */
export function makeRunExclusive(parts: Omit<RequestConnectionParts, "replicas">) {
  return (settings: Settings, given: Statement): Promise<StatementResult> => {
    const name = given.name ?? writeName(given.text);
    const statement = { ...given, name };
    return lendConnection(parts, settings, async (client) => {
      const prepared = books.get(client) ?? new PreparedStatements(parts.preparedLimit);
      books.set(client, prepared);
      const sent = performance.now();
      try {
        return await watchStatement(client, statement, () => runBatch(client, settings, statement, prepared));
      } catch (error) {
        if (isStalePlan(error)) {
          prepared.forget(name);
        }
        throw error;
      } finally {
        parts.shortReads.record(given.name, performance.now() - sent);
      }
    });
  };
}

async function runAgain<T>({ events }: ExclusiveConnections, attemptOnce: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await attemptOnce();
    } catch (error) {
      const reason = passingReason(error);
      if (reason === null || attempt === ATTEMPTS) {
        throw error;
      }
      events.onRetry(reason);
      // At random, or two that met would meet again.
      await sleep(FIRST_WAIT * 2 ** (attempt - 1) * (1 + Math.random()));
    }
  }
}

/** The SQLSTATE of an error after which the same statement may well succeed: it has left nothing, and did not commit. */
function passingReason(error: unknown): string | null {
  const { code } = (error ?? {}) as { code?: unknown };
  if (code === SERIALIZATION_FAILURE || code === DEADLOCK_DETECTED) {
    return code;
  }
  return isStalePlan(error) ? FEATURE_NOT_SUPPORTED : null;
}

/** The stock adaptor prepares by name in a book of its own, which knows nothing of what batches have prepared. */
function withoutNames(client: NodePostgresPgClient): NodePostgresPgClient {
  return {
    rawClient: client.rawClient,
    query: ({ name: _name, ...statement }) => client.query(statement),
    withTransaction: (callback) => client.withTransaction((inner) => callback(withoutNames(inner))),
  };
}

function definedSettings(settings: GivenSettings): Settings {
  const entries = Object.entries(settings ?? {}).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return Object.fromEntries(entries);
}
