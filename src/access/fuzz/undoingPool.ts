import { AsyncLocalStorage } from "node:async_hooks";

import type { Pool, PoolClient } from "pg";

/** What the transactions of one request had changed among the foreign tenant's rows when they were about to commit. */
export interface Outcome {
  /** Hashes by table, of each transaction that wrote anything at all. */
  digests: Record<string, string>[];
}

const outcomes = new AsyncLocalStorage<Outcome>();

/**
 * In place of a commit: everything that a commit would still check, the hash of the foreign rows as the login role, which
 * sees nothing else, and then nothing has happened.
 */
const INSTEAD_OF_COMMIT = `
  set constraints all immediate;
  reset role;
  select case when pg_current_xact_id_if_assigned() is not null then bailiwick_fuzz.digest() end as digest;
  rollback`;

/** Lets no transaction of a pool commit, so that every request meets the same rows. */
export function undoCommits(pool: Pool): void {
  pool.on("connect", (client: PoolClient) => {
    const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>;
    const replaced = (...args: unknown[]) => (isCommit(args[0]) ? undo(query) : query(...args));
    Object.assign(client, { query: replaced });
  });
}

function isCommit(statement: unknown): boolean {
  return (
    typeof statement === "object" && statement !== null && "text" in statement && statement.text === "commit"
  );
}

async function undo(query: (...args: unknown[]) => Promise<unknown>): Promise<unknown> {
  const results = (await query(INSTEAD_OF_COMMIT)) as {
    rows: { digest?: Record<string, string> | null }[];
  }[];
  const digest = results.flatMap(({ rows }) => rows)[0]?.digest;
  if (digest) {
    outcomes.getStore()?.digests.push(digest);
  }
  return results;
}

/** Runs a request and tells what its transactions had done. */
export async function withOutcome<T>(run: () => Promise<T>): Promise<[T, Outcome]> {
  const outcome: Outcome = { digests: [] };
  return [await outcomes.run(outcome, run), outcome];
}
