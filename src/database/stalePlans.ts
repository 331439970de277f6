import { FEATURE_NOT_SUPPORTED, INVALID_SQL_STATEMENT_NAME } from "../errors/sqlStates.ts";

/** The routine of Postgres that raises "cached plan must not change result type"; the message is translated, this is not. */
const RAISED_BY = "RevalidateCachedQuery";

/**
 * Whether a prepared statement cannot be used any more: a migration has changed the tables under it, or the server has
 * forgotten it. Nothing was done then.
 */
export function isStalePlan(error: unknown): boolean {
  const { code, routine } = (error ?? {}) as { code?: unknown; routine?: unknown };
  return code === INVALID_SQL_STATEMENT_NAME || (code === FEATURE_NOT_SUPPORTED && routine === RAISED_BY);
}
