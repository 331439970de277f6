import { resolve } from "node:path";

import type { CommandModule } from "yargs";

import { type BackupManifest, manifestFileOf } from "../backup/backupManifest.ts";
import { createBackup } from "../backup/createBackup.ts";
import { loadConfig } from "../config.ts";
import { assertReachable } from "../database/assertReachable.ts";
import { findLogin } from "../database/openDatabase.ts";
import { backupFile } from "./backupFile.ts";
import { withBackupRun } from "./withBackupRun.ts";

interface CreateArguments {
  file: string;
  json: boolean;
}

function text(file: string, { size, rows, migration, madeAt }: BackupManifest): string {
  const total = Object.values(rows).reduce((sum, count) => sum + count, 0);
  return [
    `Wrote '${file}': ${size} bytes, ${total} rows in ${Object.keys(rows).length} tables, migration ${migration.file}, ${madeAt}.`,
    `Keep '${manifestFileOf(file)}' beside it, encrypt both, and try the restore: docs/backups.md.`,
  ].join("\n");
}

export const backupCreateCommand: CommandModule<object, CreateArguments> = {
  command: "create <file>",
  describe: "Dump the database as app_backup (pg_dump, custom format), with a manifest beside it.",
  builder: (args) =>
    args
      .positional("file", backupFile("Where to; it must not be there yet."))
      .option("json", { type: "boolean", default: false, describe: "Print the manifest." })
      .example("$0 backup create /backups/2026-12-01.dump", "writes it, and /backups/2026-12-01.dump.json"),
  handler: async ({ file: given, json }) => {
    const file = resolve(given);
    const { url } = findLogin(loadConfig(), "app_backup");
    await assertReachable("BACKUP_DATABASE_URL, or as app_backup to DATABASE_URL", url);
    const manifest = await withBackupRun((run) => createBackup({ ...run, url, file }));
    console.log(json ? JSON.stringify(manifest, null, 2) : text(file, manifest));
  },
};
