import type { CommandModule } from "yargs";

import { type Backfill, backfillNames, readBackfill } from "../backfill/readBackfill.ts";
import { folderOption } from "./backfillFolder.ts";

interface ListArguments {
  folder: string;
  json: boolean;
}

/** Every backfill of a folder; throws where one is not as it has to be. */
async function listBackfills(folder: string): Promise<Backfill[]> {
  const names = await backfillNames(folder);
  return Promise.all(names.map((name) => readBackfill(folder, name)));
}

export const backfillListCommand: CommandModule<object, ListArguments> = {
  command: "list",
  describe: "Print the backfills there are, and what each is for.",
  builder: (args) =>
    args
      .option("folder", folderOption)
      .option("json", { type: "boolean", default: false, describe: "Print a JSON list." }),
  handler: async ({ folder, json }) => {
    const backfills = await listBackfills(folder);
    if (json) {
      const listed = backfills.map(({ name, title, table, batchSize }) => ({
        name,
        title,
        table,
        batchSize,
      }));
      console.log(JSON.stringify(listed, null, 2));
      return;
    }
    backfills.forEach(({ name, table, title }) => console.log(`${name}  ${table}\n  ${title}`));
    if (backfills.length === 0) {
      console.error("There is none.");
    }
  },
};
