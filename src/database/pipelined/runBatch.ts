import type { ClientBase, Query } from "pg";

import { BatchQuery, type Settings, type Statement, type StatementResult } from "./BatchQuery.ts";
import type { PreparedStatements } from "./PreparedStatements.ts";

/**
 * Sends settings and one statement as one transaction over a connection, in one round trip.
 *
 * @param prepared which statements the connection has; one book for each connection.
 * @returns Rejects with Postgres' error, or with the connection's when it is lost before the answer.
 */
export function runBatch(
  client: ClientBase,
  settings: Settings,
  statement: Statement,
  prepared: PreparedStatements,
): Promise<StatementResult> {
  return new Promise((resolve, reject) => {
    const settle = (error: Error | null, result: StatementResult) =>
      error ? reject(error) : resolve(result);
    client.query(new BatchQuery(settings, statement, prepared, settle) as unknown as Query);
  });
}
