import { resolve } from "node:path";

import { BACKFILLS_FOLDER } from "../backfill/readBackfill.ts";

/** Where the backfills are, for yargs. */
export const folderOption = {
  type: "string",
  requiresArg: true,
  default: BACKFILLS_FOLDER,
  defaultDescription: "migrations/backfills",
  coerce: (value: string) => resolve(value),
  describe: "The folder with the backfills, one SQL file each.",
} as const;
