import { type Client, DatabaseError } from "pg";

import { LOCK_NOT_AVAILABLE } from "../errors/sqlStates.ts";
import { withClient } from "./withClient.ts";

/** `bailiwick` in the digits of a phone's keypad. */
const LOCK_KEY = "224594925";
const TIMEOUT_MINUTES = 10;

/**
 * Runs `fn` while no other instance sets up or migrates the same database, waiting for its turn: graphile-migrate's own
 * lock gives up at once, so two instances that boot together would not both come up.
 *
 * @param url a connection to the database; `fn` gets the client that holds the lock, outside of any transaction.
 */
export async function withMigrationLock<T>(url: string, fn: (client: Client) => Promise<T>): Promise<T> {
  return withClient(
    url,
    async (client) => {
      await takeLock(client);
      // The lock is the session's: it goes with the connection.
      return fn(client);
    },
    { applicationName: "bailiwick migrate" },
  );
}

async function takeLock(client: Client): Promise<void> {
  await client.query("set statement_timeout to 0");
  await client.query(`set lock_timeout to '${TIMEOUT_MINUTES}min'`);
  try {
    await client.query("select pg_catalog.pg_advisory_lock($1)", [LOCK_KEY]);
  } catch (error) {
    if (error instanceof DatabaseError && error.code === LOCK_NOT_AVAILABLE) {
      throw new Error(
        `Another instance has been migrating this database for ${TIMEOUT_MINUTES} minutes; see pg_stat_activity for 'bailiwick migrate'.`,
        { cause: error },
      );
    }
    throw error;
  }
  await client.query("reset lock_timeout");
}
