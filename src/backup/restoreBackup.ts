import type { Client } from "pg";

import { databaseName } from "../database/databaseUrls.ts";
import { withMigrationLock } from "../database/migrationLock.ts";
import type { OpenDatabase } from "../database/openDatabase.ts";
import { setupRoles } from "../database/setupDatabase.ts";
import { type BackupManifest, fileProblem, readManifest } from "./backupManifest.ts";
import {
  findPostgresProgram,
  majorOf,
  type PostgresProgram,
  type ProgramPlaces,
  readServerVersion,
} from "./findPostgresProgram.ts";
import { libpqEnvironment } from "./libpqEnvironment.ts";
import { runPostgresProgram } from "./runPostgresProgram.ts";

export interface RestoreOptions {
  file: string;
  places: ProgramPlaces;
  signal?: AbortSignal;
  /** Called with what is being done. */
  onStep?: (step: string) => void;
}

/**
 * Makes an empty database what the backup says: roles and what else needs an administrator as `migrate up` makes them, then
 * schema, rows, owners and grants in one transaction. Where it fails or `signal` aborts, the database has none of them.
 *
 * @throws before anything is changed where the file is not the one that was written, or the database is not empty.
 */
export async function restoreBackup(
  { config, urls }: Pick<OpenDatabase, "config" | "urls">,
  { file, places, signal, onStep = () => undefined }: RestoreOptions,
): Promise<BackupManifest> {
  const manifest = await readManifest(file);
  const problem = await fileProblem(file, manifest);
  if (problem !== null) {
    throw new Error(problem);
  }
  await withMigrationLock(urls.superuser, async (client) => {
    const program = await findProgram(client, manifest, places);
    await assertEmpty(client, manifest);
    onStep("making roles");
    await setupRoles(client, { config: config.database });
    onStep("restoring");
    await runPostgresProgram(program, {
      args: [
        "--single-transaction",
        "--exit-on-error",
        "--no-password",
        `--dbname=${databaseName(urls.superuser)}`,
        file,
      ],
      env: libpqEnvironment(urls.superuser, "bailiwick restore"),
      signal,
    });
    onStep("gathering statistics");
    // No dump has them before Postgres 18, and without them row security is planned as if tables were empty.
    await client.query("analyze");
  });
  return manifest;
}

/** Of the server's version, and not of an earlier one than what wrote the file. */
async function findProgram(
  client: Client,
  { postgres, pgDump }: BackupManifest,
  places: ProgramPlaces,
): Promise<PostgresProgram> {
  const version = await readServerVersion(client);
  const server = majorOf(version);
  if (server < majorOf(postgres)) {
    throw new Error(
      `The backup is of Postgres ${postgres}, and this server is ${version}: restore it into the same major version or a later one.`,
    );
  }
  return findPostgresProgram("pg_restore", Math.max(server, majorOf(pgDump)), places);
}

async function assertEmpty(client: Client, { rows: tables }: BackupManifest): Promise<void> {
  const schemas = new Set(Object.keys(tables).map((name) => name.split(".")[0]));
  const { rows } = await client.query<{ name: string }>(
    "select n.nspname::text as name from pg_catalog.pg_namespace n where n.nspname = any ($1) order by 1",
    [[...schemas]],
  );
  if (rows.length > 0) {
    throw new Error(
      `This database is not empty: it has ${rows.map(({ name }) => name).join(", ")}. Nothing was changed. ` +
        "Restore into a new one ('create database …'), and name it in DATABASE_URL.",
    );
  }
}
