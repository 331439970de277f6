import type { PoolClient } from "pg";

import { FEATURE_NOT_SUPPORTED } from "../errors/sqlStates.ts";

/** What the protocol layer and `@dataplan/pg`'s adaptor remember of a connection's prepared statements. */
interface RememberedStatements {
  connection: { parsedStatements: Record<string, string>; _graphilePreparedStatementCache?: unknown };
}

/** The routine of Postgres that raises "cached plan must not change result type"; the message is translated, this is not. */
const RAISED_BY = "RevalidateCachedQuery";

/** Whether a prepared statement no longer fits the tables, because a migration has changed them under it. */
export function isStalePlan(error: unknown): boolean {
  const { code, routine } = (error ?? {}) as { code?: unknown; routine?: unknown };
  return code === FEATURE_NOT_SUPPORTED && routine === RAISED_BY;
}

/** Drops every prepared statement of a connection, on both of its ends. */
export async function forgetPlans(client: PoolClient): Promise<void> {
  const { connection } = client as unknown as RememberedStatements;
  await client.query("deallocate all");
  connection.parsedStatements = {};
  // Its entries would deallocate what is gone.
  delete connection._graphilePreparedStatementCache;
}
