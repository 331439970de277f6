import { migrate, type Settings, watch } from "graphile-migrate";
import { getCurrentMigrationLocation, readCurrentMigration } from "graphile-migrate/dist/current.js";
import { compilePlaceholders } from "graphile-migrate/dist/migration.js";
import { parseSettings } from "graphile-migrate/dist/settings.js";
import { DatabaseError } from "pg";

import { findFailingStatement } from "./findFailingStatement.ts";
import { type MigrateTarget, withMigrateSettings } from "./migrateSettings.ts";
import { MigrationError } from "./MigrationError.ts";
import { findSqlPlace } from "./sqlErrorPlace.ts";

/** Runs the committed migrations that this database has not seen. Call it under the migration lock. */
export async function migrateDatabase(target: MigrateTarget): Promise<void> {
  await withMigrateSettings(target, async (settings) => {
    await migrate(settings).catch((error: unknown) => {
      throw asMigrationError(error);
    });
  });
}

/**
 * Runs the committed migrations, then the open one of `migrations/current` if it has changed since it last ran here. For
 * development; call it under the migration lock.
 *
 * @throws MigrationError that names the file, line and column a person has to look at, where Postgres says.
 */
export async function applyCurrentMigration(target: MigrateTarget): Promise<void> {
  await withMigrateSettings(target, async (settings) => {
    await watch(settings, true).catch(async (error: unknown) => {
      throw await locate(error, settings);
    });
  });
}

async function locate(error: unknown, settings: Settings): Promise<MigrationError> {
  if (!(error instanceof DatabaseError)) {
    return asMigrationError(error);
  }
  const parsed = await parseSettings(settings);
  const body = await readCurrentMigration(parsed, await getCurrentMigrationLocation(parsed));
  const compiled = compilePlaceholders(parsed, body);
  const position = error.position
    ? Number(error.position)
    : await findFailingStatement(parsed.connectionString, compiled);
  return position === null
    ? asMigrationError(error)
    : asMigrationError(error, await findSqlPlace(compiled, position, parsed.migrationsFolder));
}

function asMigrationError(error: unknown, place?: MigrationError["place"]): MigrationError {
  return new MigrationError(error instanceof Error ? error : new Error(String(error)), place);
}
