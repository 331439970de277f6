import { join } from "node:path";

import type { Settings } from "graphile-migrate";
import { getSettings } from "graphile-migrate/dist/commands/_common.js";
import { clearAllPools } from "graphile-migrate/dist/pgReal.js";
import type { Logger } from "pino";

import { PROJECT_ROOT } from "../config.ts";
import type { DatabaseUrls } from "./databaseUrls.ts";
import { makeMigrateLogger } from "./graphileLogger.ts";
import { MIGRATIONS_FOLDER } from "./migrationsFolder.ts";

export interface MigrateTarget {
  urls: Pick<DatabaseUrls, "owner" | "root" | "shadow">;
  logger: Logger;
  /** The folder with `fixtures`, `current` and `committed`; a test brings its own. */
  migrationsFolder?: string;
  /** Called when a committed migration begins to run, with its file's name. */
  onMigration?: (file: string) => void;
}

/** What graphile-migrate says before each; it has no hook there. */
const RUNNING = /: Running migration '([^']+)'/;

/** Calls graphile-migrate with `.gmrc`, this configuration's connections and absolute paths. */
export async function withMigrateSettings<T>(
  { urls, logger, migrationsFolder, onMigration }: MigrateTarget,
  fn: (settings: Settings) => Promise<T>,
): Promise<T> {
  const settings: Settings = await getSettings({ configFile: join(PROJECT_ROOT, ".gmrc") });
  try {
    return await fn({
      ...settings,
      connectionString: urls.owner,
      rootConnectionString: urls.root,
      shadowConnectionString: urls.shadow,
      migrationsFolder: migrationsFolder ?? MIGRATIONS_FOLDER,
      afterReset: [
        { _: "command", command: `'${join(PROJECT_ROOT, "bin/bailiwick")}' migrate setup`, root: true },
      ],
      logger: makeMigrateLogger(logger, (message) => {
        const [, file] = RUNNING.exec(message) ?? [];
        if (file !== undefined) {
          onMigration?.(file);
        }
      }),
    });
  } finally {
    // It keeps idle connections for a while, and ends the whole process if the server goes away under one of them.
    clearAllPools();
  }
}
