import type { JobHelpers } from "graphile-worker";
import type { ClientBase } from "pg";

import { JobProblem } from "./JobProblem.ts";

/** How long a transaction may do nothing: a worker that is paused in one lets go of what it holds. */
const IDLE_IN_TRANSACTION = "30s";

const APPLY_SETTINGS =
  "select pg_catalog.set_config(key, value, true) from pg_catalog.json_each_text($1::json)";

/**
 * Locks the job's row for the moment of the commit, so that nobody can take the job over between this look and the commit.
 * `attempts` counts up whenever somebody takes the job, so it also tells a job that was lost and taken again by the same worker.
 */
const STILL_OURS = `\
select from graphile_worker._private_jobs j
where j.id = $1::bigint and j.locked_by = $2 and j.attempts = $3
for share`;

export interface JobTransactionOptions {
  /** Settings of this transaction, as `set_config(…, true)` takes them. */
  settings: Readonly<Record<string, string>>;
  signal: AbortSignal;
  /** When the job has to be done, in milliseconds since 1970. */
  endsAt: number;
}

/**
 * Runs `work` in one transaction of a job. Commits when it returns, unless the job's time is over or another worker has
 * taken the job over meanwhile; rolls back then and when it throws.
 *
 * @throws JobProblem `timeout`, `lock_lost`.
 */
export function inJobTransaction<T>(
  { job, withPgClient }: JobHelpers,
  { settings, signal, endsAt }: JobTransactionOptions,
  work: (client: ClientBase) => Promise<T>,
): Promise<T> {
  return withPgClient(async (client) => {
    signal.throwIfAborted();
    const { guarded, close } = guardClient(client);
    await client.query("begin");
    try {
      const limits = {
        statement_timeout: `${Math.max(1, Math.ceil(endsAt - Date.now()))}ms`,
        idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION,
      };
      await client.query(APPLY_SETTINGS, [JSON.stringify({ ...limits, ...settings })]);
      const result = await orAborted(work(guarded), signal);
      close();
      await client.query("set local role none");
      const { rowCount } = await client.query(STILL_OURS, [job.id, job.locked_by, job.attempts]);
      if (rowCount !== 1) {
        throw new JobProblem("lock_lost");
      }
      await client.query("commit");
      return result;
    } catch (error) {
      close();
      await client.query("rollback");
      throw error;
    }
  });
}

/** What `promise` becomes, or the signal's reason as soon as it is aborted. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason as Error);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) {
    abort();
  }
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener("abort", abort));
}

/** Work that goes on after its time must not reach the connection, which then belongs to somebody else. */
function guardClient(client: ClientBase): { guarded: ClientBase; close: () => void } {
  let isClosed = false;
  const query = (...values: unknown[]) => {
    if (isClosed) {
      throw new JobProblem("timeout", "The job's transaction has ended.");
    }
    return (client.query as (...all: unknown[]) => unknown).apply(client, values);
  };
  const guarded = Object.create(client, { query: { value: query } }) as ClientBase;
  return { guarded, close: () => void (isClosed = true) };
}
