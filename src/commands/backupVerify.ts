import { resolve } from "node:path";

import type { CommandModule } from "yargs";

import { readManifest } from "../backup/backupManifest.ts";
import { verifyBackup } from "../backup/verifyBackup.ts";
import { loadConfig } from "../config.ts";
import { openDatabase } from "../database/openDatabase.ts";
import { type EvidenceArguments, evidenceOf, evidenceOptions } from "./auditEvidence.ts";
import { backupFile } from "./backupFile.ts";
import { observationOptions, tellObservations } from "./tellObservations.ts";
import { withBackupRun } from "./withBackupRun.ts";

interface VerifyArguments extends EvidenceArguments {
  file: string;
  json: boolean;
}

export const backupVerifyCommand: CommandModule<object, VerifyArguments> = {
  command: "verify <file>",
  describe:
    "Hold the file, and the database of DATABASE_URL that was restored from it, against the manifest; exit status 1 if anything differs.",
  builder: (args) =>
    args
      .positional("file", backupFile("What `backup create` wrote; its manifest lies beside it."))
      .options(evidenceOptions)
      .options(observationOptions)
      .epilogue(
        "For a database that nobody has used since it was restored: what has changed since is found.",
      ),
  handler: async (given) => {
    const file = resolve(given.file);
    const { database: origin } = await readManifest(file);
    const database = await openDatabase(loadConfig());
    try {
      const evidence = evidenceOf(database.config, given, origin);
      const observations = await withBackupRun(({ onStep }) =>
        verifyBackup(database, { file, onStep, ...evidence }),
      );
      tellObservations(observations, given);
    } finally {
      await database.close();
    }
  },
};
