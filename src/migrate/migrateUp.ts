import { isNoTransactionDefined } from "graphile-migrate/dist/header.js";
import { type FileMigration, getAllMigrations } from "graphile-migrate/dist/migration.js";
import type { ParsedSettings } from "graphile-migrate/dist/settings.js";
import type { Client } from "pg";
import type { Logger } from "pino";

import type { AccessReport } from "../access/report.ts";
import { reportAccess } from "../access/reportAccess.ts";
import { readOwnWaivers } from "../access/waivers.ts";
import { type RanMigration, readLastMigration } from "../backup/readContents.ts";
import { databaseName } from "../database/databaseUrls.ts";
import { MigrationError } from "../database/MigrationError.ts";
import { withMigrationLock } from "../database/migrationLock.ts";
import { MIGRATIONS_FOLDER } from "../database/migrationsFolder.ts";
import { type PreparedDatabase, prepareLockedDatabase } from "../database/prepareDatabase.ts";
import { redactError } from "../errors/redactError.ts";
import { assertBackedUp, type BackupStatement } from "./assertBackedUp.ts";
import {
  leaveReport,
  type MigrationFailure,
  type MigrationOutcome,
  type MigrationReport,
  RELEASE,
  writeReport,
} from "./migrationReport.ts";

export interface MigrateUpOptions {
  backup: BackupStatement;
  /** A test brings its own. */
  migrationsFolder?: string;
}

const INTERRUPTED: MigrationFailure = {
  migration: null,
  error: { name: "Interrupted", message: "it did not come to its end" },
  recovery:
    "Which migrations were committed is not known: 'npx bailiwick migrate status' tells what is pending. One that was not committed " +
    "has changed nothing, unless its file begins with no-transaction. Then run 'npx bailiwick migrate up' again.",
};

/**
 * Sets up and migrates, as a release does: not without a backup where there is something to lose, and with a look at the
 * rules of access and a report afterwards.
 *
 * @returns what the rules found; null where nothing was pending.
 * @throws before anything is changed where a backup is missing.
 */
export async function migrateUp(
  database: PreparedDatabase,
  logger: Logger,
  { backup, migrationsFolder = MIGRATIONS_FOLDER }: MigrateUpOptions,
): Promise<AccessReport | null> {
  const { environment, database: settings } = database.config;
  return withMigrationLock(database.urls.superuser, async (client) => {
    const last = await findLastMigration(client);
    const pending = await findPending(last, migrationsFolder);
    const options = { includeCurrent: false, migrationsFolder };
    if (pending.length === 0) {
      await prepareLockedDatabase(client, database, logger, options);
      return null;
    }
    const names = pending.map(({ realFilename }) => realFilename);
    const reliedOn = await assertBackedUp(client, backup, { environment, last, pending: names });
    logger[backup.withoutBackup ? "warn" : "info"]({ backup: reliedOn }, `${names.length} migrations to run`);
    const begun: MigrationReport = {
      format: 1,
      startedAt: new Date().toISOString(),
      finishedAt: null,
      database: databaseName(database.urls.superuser),
      release: RELEASE,
      environment,
      backup: reliedOn,
      migrations: names.map((file) => ({ file, outcome: "unknown", milliseconds: null })),
      access: null,
      failure: INTERRUPTED,
    };
    // graphile-migrate ends the whole process when the server goes away. A folder that takes no file is told of at the end.
    await writeReport(begun, settings.migrationLogFolder).catch(() => undefined);
    const times = new Stopwatch();
    const attempt = await prepareLockedDatabase(client, database, logger, {
      ...options,
      onMigration: (file) => times.begin(file),
    })
      .finally(() => times.stop())
      .then(async () => ({ access: await checkAccess(client) }))
      .catch((error: unknown) => ({ error }));
    // Where the connection is lost, nobody knows.
    const now = await findLastMigration(client).catch(() => undefined);
    const migrations = outcomesOf(pending, now, times);
    const report: MigrationReport = {
      ...begun,
      finishedAt: new Date().toISOString(),
      migrations,
      access: "access" in attempt ? summaryOf(attempt.access) : null,
      failure: "error" in attempt ? failureOf(attempt.error, pending, migrations) : null,
    };
    await leaveReport(report, settings.migrationLogFolder, logger);
    if ("error" in attempt) {
      throw environment === "production" ? withoutValues(attempt.error, report.failure) : attempt.error;
    }
    return attempt.access;
  });
}

/** Without making graphile-migrate's schema, which it does itself when it looks. */
async function findLastMigration(client: Client): Promise<RanMigration | null> {
  const { rows } = await client.query<{ isThere: boolean }>(
    `select to_regclass('graphile_migrate.migrations') is not null as "isThere"`,
  );
  return rows[0]?.isThere ? readLastMigration(client) : null;
}

async function findPending(last: RanMigration | null, migrationsFolder: string): Promise<FileMigration[]> {
  // The folder is all that it reads of the settings, which are of a connection.
  const committed = await getAllMigrations({ migrationsFolder } as ParsedSettings);
  return committed.filter(({ filename }) => last === null || filename > last.file);
}

async function checkAccess(client: Client): Promise<AccessReport> {
  return reportAccess(client, { waivers: await readOwnWaivers() });
}

/** How long each took: until the next began, or until all were done. */
class Stopwatch {
  readonly #spans = new Map<string, { from: number; to: number | null }>();

  begin(file: string): void {
    this.stop();
    this.#spans.set(file, { from: performance.now(), to: null });
  }

  stop(): void {
    const running = [...this.#spans.values()].at(-1);
    if (running) {
      running.to ??= performance.now();
    }
  }

  of(file: string): number | null {
    const span = this.#spans.get(file);
    return span && span.to !== null ? Math.round(span.to - span.from) : null;
  }
}

/** `last`: the migration that ran last; undefined where that is not known. */
function outcomesOf(
  pending: readonly FileMigration[],
  last: RanMigration | null | undefined,
  times: Stopwatch,
): MigrationOutcome[] {
  return pending.map(({ filename, realFilename: file }) => {
    const milliseconds = times.of(file);
    const hasRun = last ? filename <= last.file : false;
    const rest = milliseconds === null ? "not run" : last === undefined ? "unknown" : "failed";
    return { file, outcome: hasRun ? "committed" : rest, milliseconds };
  });
}

function summaryOf({ rules, waived, open }: AccessReport): MigrationReport["access"] {
  return {
    rules: rules.length,
    waived: waived.length,
    open: open.map(({ rule, severity, object, detail }) => ({ rule, severity, object, detail })),
  };
}

function failureOf(
  error: unknown,
  pending: readonly FileMigration[],
  migrations: readonly MigrationOutcome[],
): MigrationFailure {
  const open = migrations.findIndex(({ outcome }) => outcome !== "committed");
  const migration = error instanceof MigrationError ? pending[open] : undefined;
  const {
    stack: _stack,
    cause: _cause,
    ...redacted
  } = redactError(error instanceof MigrationError ? error.cause : error);
  return {
    migration: migration?.realFilename ?? null,
    error: redacted,
    recovery: recoveryOf(open === -1, migration, migrations[open]),
  };
}

/** What a terminal is told in production, whose output somebody keeps: what the report has, and no value of a row. */
function withoutValues(error: unknown, failure: MigrationFailure | null): unknown {
  if (!(error instanceof MigrationError) || failure === null) {
    return error;
  }
  const { migration, error: cause, recovery } = failure;
  return new Error(`${migration} failed: ${cause.message} (SQLSTATE ${cause.sqlState}). ${recovery}`);
}

function recoveryOf(
  areAllCommitted: boolean,
  migration: FileMigration | undefined,
  outcome: MigrationOutcome | undefined,
): string {
  if (areAllCommitted) {
    return "Every migration was committed, and what failed came after: run 'npx bailiwick access check' before the release is served.";
  }
  if (outcome?.outcome === "unknown") {
    return INTERRUPTED.recovery;
  }
  if (migration === undefined) {
    return "No migration has run. Roles, extensions and the queue are set up before: mend the cause and run 'npx bailiwick migrate up' again.";
  }
  const name = migration.realFilename;
  return isNoTransactionDefined(migration.body)
    ? `${name} runs outside of a transaction, so what it did before it failed is there: compare the database with the file before 'npx bailiwick migrate up' runs it again, or restore the backup.`
    : `Nothing of ${name} was changed: its transaction was rolled back, and the migrations before it stay. The release before works on this schema: leave it running, mend the cause, and run 'npx bailiwick migrate up' again.`;
}
