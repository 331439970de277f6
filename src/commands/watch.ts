import type { Logger } from "pino";
import type { CommandModule } from "yargs";

import { loadConfig } from "../config.ts";
import { applyCurrentMigration } from "../database/migrateDatabase.ts";
import { MigrationError } from "../database/MigrationError.ts";
import { withMigrationLock } from "../database/migrationLock.ts";
import { MIGRATIONS_FOLDER } from "../database/migrationsFolder.ts";
import { fingerprintMigrations, watchMigrations } from "../database/watchMigrations.ts";
import { makeLogger } from "../logging.ts";
import type { RunningDevelopment } from "../startDevelopment.ts";
import { runUntilStopped } from "./start.ts";

/** Runs the open migration and serves what it makes; returns the milliseconds that took. */
async function applyAndReload(
  { database: { urls }, gateway }: RunningDevelopment,
  logger: Logger,
): Promise<number> {
  const began = Date.now();
  await withMigrationLock(urls.superuser, () => applyCurrentMigration({ urls, logger }));
  await gateway.reload();
  return Date.now() - began;
}

/** A broken file is told and waited out: the gateway goes on serving the last schema that worked. */
async function tryToApply(running: RunningDevelopment, logger: Logger): Promise<void> {
  try {
    console.log(`The API follows the saved SQL (${await applyAndReload(running, logger)} ms).`);
  } catch (error) {
    tell(error);
  }
}

function tell(error: unknown): void {
  const message = error instanceof MigrationError ? error.message : String((error as Error).stack ?? error);
  console.error(`${message}\nThe last good schema keeps serving.`);
}

export const watchCommand: CommandModule = {
  command: "watch",
  describe:
    "Start everything as `start` does, and let the API follow the SQL files of migrations/ as they are saved.",
  handler: async () => {
    const logger = makeLogger(loadConfig());
    const handled = await fingerprintMigrations(MIGRATIONS_FOLDER);
    await runUntilStopped({ onBrokenMigration: tell }, (running) =>
      watchMigrations(MIGRATIONS_FOLDER, handled, () => tryToApply(running, logger)),
    );
  },
};
