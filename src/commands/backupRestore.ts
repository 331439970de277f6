import { resolve } from "node:path";

import type { CommandModule } from "yargs";

import { restoreBackup } from "../backup/restoreBackup.ts";
import { verifyBackup } from "../backup/verifyBackup.ts";
import { loadConfig } from "../config.ts";
import { openDatabase } from "../database/openDatabase.ts";
import { type EvidenceArguments, evidenceOf, evidenceOptions } from "./auditEvidence.ts";
import { backupFile } from "./backupFile.ts";
import { observationOptions, tellObservations } from "./tellObservations.ts";
import { withBackupRun } from "./withBackupRun.ts";

interface RestoreArguments extends EvidenceArguments {
  file: string;
  json: boolean;
}

export const backupRestoreCommand: CommandModule<object, RestoreArguments> = {
  command: "restore <file>",
  describe:
    "Make the empty database of DATABASE_URL what the backup says, in one transaction, then verify it.",
  builder: (args) =>
    args
      .positional("file", backupFile("What `backup create` wrote; its manifest lies beside it."))
      .options(evidenceOptions)
      .options(observationOptions)
      .epilogue(
        "Exit status: 0 restored and verified, 1 restored and something was found, 2 not restored: the database has nothing of it.",
      ),
  handler: async (given) => {
    const file = resolve(given.file);
    const database = await openDatabase(loadConfig());
    try {
      const observations = await withBackupRun(async (run) => {
        const { database: origin } = await restoreBackup(database, { ...run, file });
        return verifyBackup(database, { ...run, file, ...evidenceOf(database.config, given, origin) });
      });
      tellObservations(observations, given);
    } finally {
      await database.close();
    }
  },
};
