import { Client } from "pg";
import type { Logger } from "pino";

import type { Config } from "../config.ts";
import { type OpenDatabase, openDatabase } from "./openDatabase.ts";
import { prepareDatabase } from "./prepareDatabase.ts";

/**
 * Opens the database for a command that works on the schema. In development an empty one gets its schema first, so that
 * the command works on a fresh clone; one that has a schema is left as it is.
 */
export async function openMigratedDatabase(given: Config, logger: Logger): Promise<OpenDatabase> {
  const database = await openDatabase(given);
  try {
    const isProduction = database.config.environment === "production";
    if (!(await hasSchema(isProduction ? database.urls.data : database.urls.superuser))) {
      if (isProduction) {
        throw new Error("The database has no schema yet: run 'bailiwick migrate up' first.");
      }
      await prepareDatabase(database, logger, { includeCurrent: true });
    }
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

async function hasSchema(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ found: boolean }>(
      "select to_regclass('app_public.care_sessions') is not null as found",
    );
    return rows[0]?.found === true;
  } finally {
    await client.end();
  }
}
