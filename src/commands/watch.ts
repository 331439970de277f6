import type { Logger } from "pino";
import type { CommandModule } from "yargs";

import { loadConfig } from "../config.ts";
import { applyCurrentMigration } from "../database/migrateDatabase.ts";
import { MigrationError } from "../database/MigrationError.ts";
import { withMigrationLock } from "../database/migrationLock.ts";
import { MIGRATIONS_FOLDER } from "../database/migrationsFolder.ts";
import { fingerprintMigrations, WATCHED, watchMigrations } from "../database/watchMigrations.ts";
import { makeLogger } from "../logging.ts";
import type { RunningDevelopment } from "../startDevelopment.ts";
import { runUntilStopped } from "./start.ts";

/** Runs the open migration and serves what it makes; returns what of it had no effect. */
async function applyAndReload(
  { database: { urls }, gateway }: RunningDevelopment,
  logger: Logger,
): Promise<string[]> {
  const ignored = await withMigrationLock(urls.superuser, () => applyCurrentMigration({ urls, logger }));
  await gateway.reload();
  return ignored;
}

/** A broken file is told and waited out: the gateway goes on serving the last schema that worked. */
async function tryToApply(running: RunningDevelopment, logger: Logger): Promise<void> {
  const began = Date.now();
  try {
    const ignored = await applyAndReload(running, logger);
    const duration = `${Date.now() - began} ms`;
    if (ignored.length === 0) {
      console.log(`The API follows the saved SQL (${duration}).`);
    } else {
      console.error(
        `${ignored.join("\n")}\nThe API follows the saved SQL but for this: ${ignored.length} of it without effect (${duration}).`,
      );
    }
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
    const alsoSay = `Watching ${WATCHED.map((name) => `migrations/${name}/`).join(" and ")}: save a .sql file there, and the API follows.`;
    await runUntilStopped({ onBrokenMigration: tell, alsoSay }, (running) =>
      watchMigrations(MIGRATIONS_FOLDER, handled, () => tryToApply(running, logger)),
    );
  },
};
