import { type Client, DatabaseError } from "pg";

import { withClient } from "../database/withClient.ts";
import { LOCK_NOT_AVAILABLE } from "../errors/sqlStates.ts";
import { BackfillMistake } from "./BackfillMistake.ts";

/**
 * Values are kept as texts, which must come back as they went. And the server is to notice within a second that a killed
 * run is gone, even in the middle of a long statement.
 */
const SETTINGS = `\
set timezone to 'UTC'; set datestyle to 'ISO, YMD'; set intervalstyle to 'postgres'; set bytea_output to 'hex';
set extra_float_digits to 1; set client_connection_check_interval to '1s'`;

/** Long enough for the server to notice that a killed run is gone. */
const PATIENCE = "2500ms";

/** @param url connection of `app_migrator` acting as `app_data`. */
export function withBackfillSession<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  return withClient(
    url,
    async (client) => {
      await client.query(SETTINGS);
      return work(client);
    },
    { applicationName: "bailiwick backfill" },
  );
}

/** One process at a time runs or reverses a backfill. The lock is the session's and goes with it, however it ends. */
export async function takeLock(client: Client, name: string): Promise<void> {
  await client.query("select set_config('lock_timeout', $1, false)", [PATIENCE]);
  try {
    await client.query("select pg_advisory_lock(hashtextextended('bailiwick backfill ' || $1, 0))", [name]);
  } catch (error) {
    if (error instanceof DatabaseError && error.code === LOCK_NOT_AVAILABLE) {
      throw new BackfillMistake(`Another process runs or reverses the backfill '${name}' at the moment.`);
    }
    throw error;
  }
  await client.query("reset lock_timeout");
}
