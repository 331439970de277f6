import { resolve } from "node:path";

import type { CommandModule } from "yargs";

import { accessText } from "../access/report.ts";
import { migrateUp } from "../migrate/migrateUp.ts";
import { backupFile } from "./backupFile.ts";
import { FINDINGS } from "./exitCodes.ts";
import { wholeNumberOption } from "./numberOption.ts";
import { withDatabase } from "./withDatabase.ts";

interface UpArguments {
  backup: string | undefined;
  "backup-age": number;
  "without-backup": boolean | undefined;
}

const DAY = 24;
const YEAR = 365 * DAY;

export const migrateUpCommand: CommandModule<object, UpArguments> = {
  command: "up",
  describe:
    "Set up roles, extensions and the queue, run the committed migrations, and check access; waits for other instances.",
  builder: (args) =>
    args
      .option("backup", {
        ...backupFile(
          "What `backup create` wrote of this database. NODE_ENV=production asks for it where migrations are pending and an organization is there.",
        ),
        demandOption: false,
        requiresArg: true,
      })
      .option("backup-age", {
        ...wholeNumberOption("--backup-age", { least: 1, most: YEAR }, "Hours that it may be old."),
        default: DAY,
      })
      .option("without-backup", {
        type: "boolean",
        describe: "Migrate without one: something else has it, such as a snapshot.",
      })
      .conflicts("backup", "without-backup")
      .example("$0 migrate up --backup /backups/2026-12-01.dump", "migrates a production that holds data")
      .epilogue(
        "Leaves a report of migrations that ran or failed in MIGRATION_LOG_FOLDER. Exit status: 0 done, 1 done and a rule of " +
          "`access check` is broken, 2 not done.",
      ),
  handler: async ({ backup, "backup-age": age, "without-backup": withoutBackup = false }) => {
    const statement = { file: backup === undefined ? null : resolve(backup), hours: age, withoutBackup };
    const access = await withDatabase((database, logger) =>
      migrateUp(database, logger, { backup: statement }),
    );
    if (access !== null && access.open.length > 0) {
      console.error(accessText(access));
      console.error(
        "The migrations have run, and the database breaks rules of `access check`: do not release. A gateway serves nothing while a critical one is broken.",
      );
      process.exitCode = FINDINGS;
    }
  },
};
