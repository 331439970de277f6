import { relative } from "node:path";

import { reset, status, uncommit } from "graphile-migrate";
import type { Logger } from "pino";
import type { CommandModule } from "yargs";

import { type Config, loadConfig, PROJECT_ROOT } from "../config.ts";
import { commitCurrentMigration } from "../database/migrateDatabase.ts";
import { withMigrateSettings } from "../database/migrateSettings.ts";
import { withMigrationLock } from "../database/migrationLock.ts";
import type { OpenDatabase } from "../database/openDatabase.ts";
import { prepareEmptyDatabase } from "../database/prepareDatabase.ts";
import { reapplyFixtures } from "../database/reapplyFixtures.ts";
import { CLEAN, FINDINGS } from "./exitCodes.ts";
import { migrateUpCommand } from "./migrateUp.ts";
import { withDatabase, withQuietDatabase } from "./withDatabase.ts";

export interface MigrationStatus {
  /** Committed migrations that this database has not run. */
  pending: string[];
  /** Whether `migrations/current` holds anything. */
  hasCurrent: boolean;
}

/** What a database and the migrations folder still need. */
export async function migrationStatus(
  { urls }: Pick<OpenDatabase, "urls">,
  logger: Logger,
): Promise<MigrationStatus> {
  const { remainingMigrations = [], hasCurrentMigration } = await withMigrateSettings(
    { urls, logger },
    status,
  );
  return { pending: remainingMigrations, hasCurrent: hasCurrentMigration };
}

/** Rewriting history is for the developer's own database. */
function developmentConfig(what: string): Config {
  const config = loadConfig();
  if (config.environment === "production") {
    throw new Error(`'migrate ${what}' is for development and is refused with NODE_ENV=production.`);
  }
  return config;
}

const setupCommand: CommandModule = {
  command: "setup",
  describe: "Set up roles, extensions and the queue only; graphile-migrate calls it for a new database.",
  handler: () => withDatabase(prepareEmptyDatabase),
};

const statusCommand: CommandModule<object, { json: boolean }> = {
  command: "status",
  describe:
    "Say which committed migrations are pending (exit status 1) and whether one is open in migrations/current.",
  builder: (args) =>
    args.option("json", { type: "boolean", default: false, describe: "Print one JSON object." }),
  handler: async ({ json }) => {
    const found = await withDatabase(migrationStatus);
    if (json) {
      console.log(JSON.stringify(found));
    } else {
      console.log(
        found.pending.length > 0
          ? `Pending: ${found.pending.join(", ")}`
          : "Every committed migration has run.",
      );
      console.log(found.hasCurrent ? "migrations/current holds an open migration." : "No migration is open.");
    }
    process.exitCode = found.pending.length > 0 ? FINDINGS : CLEAN;
  },
};

const commitCommand: CommandModule<object, { message: string }> = {
  command: "commit",
  describe: "Try the open migration on the shadow database, then move it to migrations/committed.",
  builder: (args) =>
    args
      .option("message", {
        alias: "m",
        type: "string",
        demandOption: true,
        describe: "The topic, for the file's name.",
      })
      .example(
        '$0 migrate commit -m "scheduling: reminders"',
        "writes migrations/committed/000002-scheduling-reminders.sql",
      ),
  handler: async ({ message }) => {
    const { file, ignored } = await withQuietDatabase(async (database, logger) => {
      // The shadow database belongs to app_owner, so the roles come first.
      await prepareEmptyDatabase(database, logger);
      const { urls } = database;
      return withMigrationLock(urls.superuser, () => commitCurrentMigration({ urls, logger }, message));
    }, developmentConfig("commit"));
    console.log(`Committed ${relative(PROJECT_ROOT, file)}; migrations/current is empty.`);
    if (ignored.length > 0) {
      console.error(
        `${ignored.join("\n")}\nA new database gets these columns as the file has them, this one has them otherwise; ` +
          "'npx bailiwick migrate uncommit' opens the migration again.",
      );
      process.exitCode = FINDINGS;
    }
  },
};

const uncommitCommand: CommandModule = {
  command: "uncommit",
  describe:
    "Move the latest committed migration back to migrations/current, as long as nobody else has run it.",
  handler: async () => {
    await withQuietDatabase(async ({ urls }, logger) => {
      await withMigrationLock(urls.superuser, () => withMigrateSettings({ urls, logger }, uncommit));
    }, developmentConfig("uncommit"));
    console.log("The latest committed migration is open again, in migrations/current.");
  },
};

const resetCommand: CommandModule<object, { erase: boolean; shadow: boolean }> = {
  command: "reset",
  describe: "Drop the database, create it anew and run the committed migrations. Everything in it is lost.",
  builder: (args) =>
    args
      .option("erase", {
        type: "boolean",
        default: false,
        describe: "Say so a second time: yes, lose everything.",
      })
      .option("shadow", {
        type: "boolean",
        default: false,
        describe: "The shadow database, which holds nothing.",
      }),
  handler: async ({ erase, shadow }) => {
    const config = developmentConfig("reset");
    if (!erase && !shadow) {
      throw new Error(
        "'migrate reset' loses everything in the database; add --erase if that is what you want.",
      );
    }
    await withDatabase(async (database, logger) => {
      // The new database belongs to app_owner, so the roles come first.
      await prepareEmptyDatabase(database, logger);
      await withMigrateSettings({ urls: database.urls, logger }, (settings) => reset(settings, shadow));
    }, config);
  },
};

const reapplyCommand: CommandModule<object, { "dry-run": boolean }> = {
  command: "reapply",
  describe:
    "Put policies, row security, grants, triggers and functions back as migrations/fixtures has them, in one transaction.",
  builder: (args) =>
    args
      .option("dry-run", {
        type: "boolean",
        default: false,
        describe: "Only tell what would change; exit status 1 if anything would.",
      })
      .example(
        "$0 migrate reapply --dry-run",
        "tells what has been changed by hand since the migrations ran",
      ),
  handler: async ({ "dry-run": dryRun }) => {
    const changed = await withDatabase(({ urls }) => reapplyFixtures(urls, { dryRun }));
    if (changed === null) {
      console.log("Everything is as migrations/fixtures has it; nothing to put back.");
      return;
    }
    console.log(`${dryRun ? "Would be put back" : "Put back"} (- as it was, + as it is to be):\n${changed}`);
    process.exitCode = dryRun ? FINDINGS : CLEAN;
  },
};

export const migrateCommand: CommandModule = {
  command: "migrate [action]",
  describe: "Bring the database's schema up to date, or work on the open migration.",
  builder: (args) =>
    args
      .command(migrateUpCommand)
      .command(statusCommand)
      .command(commitCommand)
      .command(uncommitCommand)
      .command(resetCommand)
      .command(reapplyCommand)
      .command(setupCommand)
      .demandCommand(1, "Say what to do: up, status, commit, uncommit, reset, reapply or setup."),
  handler: () => undefined,
};
