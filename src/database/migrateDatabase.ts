import { readFile } from "node:fs/promises";

import { commit, migrate, type Settings, watch } from "graphile-migrate";
import { getCurrentMigrationLocation, readCurrentMigration } from "graphile-migrate/dist/current.js";
import { compilePlaceholders, getAllMigrations } from "graphile-migrate/dist/migration.js";
import { parseSettings } from "graphile-migrate/dist/settings.js";
import { DatabaseError } from "pg";

import { findFailingStatement } from "./findFailingStatement.ts";
import { findIgnoredColumns, type IgnoredColumn } from "./findIgnoredColumns.ts";
import { findMissingInclude } from "./findMissingInclude.ts";
import { type MigrateTarget, withMigrateSettings } from "./migrateSettings.ts";
import { MigrationError } from "./MigrationError.ts";
import { MIGRATIONS_FOLDER } from "./migrationsFolder.ts";
import { describePlace, findSqlPlace, placeInText } from "./sqlErrorPlace.ts";

const UNDEFINED_COLUMN = "42703";

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
 * @returns what the open migration says in vain of tables that were there, each with its place, for a terminal.
 * @throws MigrationError that names the file, line and column a person has to look at, where Postgres says.
 */
export async function applyCurrentMigration(target: MigrateTarget): Promise<string[]> {
  return withMigrateSettings(target, async (settings) => {
    await watch(settings, true).catch(async (error: unknown) => {
      throw await locate(error, settings);
    });
    const { url, compiled, folder } = await readCurrent(settings);
    return describeIgnored(await findIgnoredColumns(url, compiled, { hasRun: true }), compiled, folder);
  });
}

/**
 * Moves the open migration to `migrations/committed`, after it has run on the shadow database; then it runs here. Call it
 * under the migration lock.
 *
 * @returns the path of the new file, and what it says in vain of tables that this database had before.
 */
export async function commitCurrentMigration(
  target: MigrateTarget,
  message: string,
): Promise<{ file: string; ignored: string[] }> {
  return withMigrateSettings(target, async (settings) => {
    await commit(settings, message);
    const parsed = await parseSettings(settings);
    const file = (await getAllMigrations(parsed)).at(-1)?.fullPath ?? "";
    const sql = compilePlaceholders(parsed, await readFile(file, "utf8"));
    const found = await findIgnoredColumns(parsed.connectionString, sql, { hasRun: true });
    const ignored = found.map(({ position, message: said }) =>
      [describePlace({ file, ...placeInText(sql, position) }), said].join("\n"),
    );
    return { file, ignored };
  });
}

async function readCurrent(settings: Settings) {
  const parsed = await parseSettings(settings);
  const body = await readCurrentMigration(parsed, await getCurrentMigrationLocation(parsed));
  return {
    url: parsed.connectionString,
    compiled: compilePlaceholders(parsed, body),
    folder: parsed.migrationsFolder,
  };
}

async function describeIgnored(found: IgnoredColumn[], compiled: string, folder: string): Promise<string[]> {
  return Promise.all(
    found.map(async ({ position, message }) =>
      [describePlace(await findSqlPlace(compiled, position, folder)), message].join("\n"),
    ),
  );
}

async function locate(error: unknown, settings: Settings): Promise<MigrationError> {
  const { migrationsFolder = MIGRATIONS_FOLDER } = settings;
  if (!(error instanceof DatabaseError)) {
    return asMigrationError(error, await findMissingInclude(migrationsFolder));
  }
  const { url, compiled, folder } = await readCurrent(settings);
  const position = error.position ? Number(error.position) : await findFailingStatement(url, compiled);
  const place = position === null ? undefined : await findSqlPlace(compiled, position, folder);
  // A column that is plainly in the file does not exist where its table was there without it.
  const ignored =
    error.code === UNDEFINED_COLUMN ? await findIgnoredColumns(url, compiled, { hasRun: false }) : [];
  return asMigrationError(error, place, await describeIgnored(ignored, compiled, folder));
}

function asMigrationError(
  error: unknown,
  place?: MigrationError["place"],
  explanations?: string[],
): MigrationError {
  return new MigrationError(error instanceof Error ? error : new Error(String(error)), place, explanations);
}
