import type { Logger } from "pino";

import { type Config, loadConfig } from "../config.ts";
import { type OpenDatabase, openDatabase } from "../database/openDatabase.ts";
import { makeLogger } from "../logging.ts";

/** Runs `fn` on the configured database, started if it is the embedded one, and tells what graphile-migrate does. */
export async function withDatabase<T>(
  fn: (database: OpenDatabase, logger: Logger) => Promise<T>,
  config = loadConfig(),
): Promise<T> {
  // It is the news of these commands, unlike of a start.
  const level = config.log.level === "warn" ? "info" : config.log.level;
  return withQuietDatabase(fn, { ...config, log: { level } });
}

/** For commands that say themselves what they have done. */
export async function withQuietDatabase<T>(
  fn: (database: OpenDatabase, logger: Logger) => Promise<T>,
  config: Config,
): Promise<T> {
  const logger = makeLogger(config);
  const database = await openDatabase(config);
  try {
    return await fn(database, logger);
  } finally {
    await database.close();
  }
}
