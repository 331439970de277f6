import type { CommandModule } from "yargs";

import { accessCheckCommand } from "./accessCheck.ts";
import { accessWhyCommand } from "./accessWhy.ts";

export const accessCommand: CommandModule = {
  command: "access <action>",
  describe: "Show that row security does what it must.",
  builder: (args) =>
    args
      .command(accessCheckCommand)
      .command(accessWhyCommand)
      .demandCommand(1, "Say what to do: check or why."),
  handler: () => undefined,
};
