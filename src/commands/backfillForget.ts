import type { CommandModule } from "yargs";

import { forgetOriginals } from "../backfill/forgetOriginals.ts";
import { loadConfig } from "../config.ts";
import { connectionUrl } from "./url.ts";
import { readUuid } from "./uuidOption.ts";

interface ForgetArguments {
  run: string;
}

export const backfillForgetCommand: CommandModule<object, ForgetArguments> = {
  command: "forget <run>",
  describe: "Delete what the rows of a run were before it: patients' data. It cannot be reversed any more.",
  builder: (args) =>
    args.positional("run", {
      type: "string",
      demandOption: true,
      coerce: (value: string) => readUuid("The run", String(value)),
      describe: "As `backfill status` prints it.",
    }),
  handler: async ({ run }) => {
    const rows = await forgetOriginals(connectionUrl(loadConfig(), "data"), run);
    console.log(`The originals of ${rows} rows are deleted; the run ${run} cannot be reversed any more.`);
  },
};
