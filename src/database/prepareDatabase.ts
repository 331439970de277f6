import type { Client } from "pg";
import type { Logger } from "pino";

import { makeWorkerLogger } from "./graphileLogger.ts";
import { applyCurrentMigration, migrateDatabase } from "./migrateDatabase.ts";
import { withMigrationLock } from "./migrationLock.ts";
import type { OpenDatabase } from "./openDatabase.ts";
import { setupDatabase } from "./setupDatabase.ts";

export type PreparedDatabase = Pick<OpenDatabase, "config" | "urls">;

export interface PrepareOptions {
  /** Development: also run the open migration in `migrations/current`. */
  includeCurrent: boolean;
  migrationsFolder?: string;
  /** Where the SQL files of setupDatabase() are; those of this checkout when absent. */
  setupFolder?: string;
  /** Called when a committed migration begins to run, with its file's name. */
  onMigration?: (file: string) => void;
}

/** Roles, extensions, queue and schema, up to date; instances that start at once do it one after the other. */
export async function prepareDatabase(
  database: PreparedDatabase,
  logger: Logger,
  options: PrepareOptions,
): Promise<void> {
  await withMigrationLock(database.urls.superuser, (client) =>
    prepareLockedDatabase(client, database, logger, options),
  );
}

/** The same for whoever has the migration lock already, by `client`. */
export async function prepareLockedDatabase(
  client: Client,
  database: PreparedDatabase,
  logger: Logger,
  { includeCurrent, migrationsFolder, setupFolder, onMigration }: PrepareOptions,
): Promise<void> {
  await runSetup(client, database, logger, setupFolder);
  const { urls } = database;
  const target = { urls, logger: logger.child({ scope: "migrate" }), migrationsFolder, onMigration };
  if (!includeCurrent) {
    return migrateDatabase(target);
  }
  for (const ignored of await applyCurrentMigration(target)) {
    target.logger.warn(ignored);
  }
}

/** Only what needs an administrator: for a database that graphile-migrate has just created. */
export async function prepareEmptyDatabase(database: PreparedDatabase, logger: Logger): Promise<void> {
  await withMigrationLock(database.urls.superuser, (client) => runSetup(client, database, logger));
}

async function runSetup(
  client: Client,
  { config, urls }: PreparedDatabase,
  logger: Logger,
  folder?: string,
): Promise<void> {
  const workerLogger = makeWorkerLogger(logger.child({ scope: "worker" }));
  await setupDatabase(client, { config: config.database, urls, workerLogger, folder });
}
