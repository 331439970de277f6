import type { CommandModule } from "yargs";

import { accessCheckCommand } from "./accessCheck.ts";
import { accessDiffCommand } from "./accessDiff.ts";
import { accessWhyCommand } from "./accessWhy.ts";

export const accessCommand: CommandModule = {
  command: "access <action>",
  describe: "Show that row security does what it must.",
  builder: (args) =>
    args
      .command(accessCheckCommand)
      .command(accessWhyCommand)
      .command(accessDiffCommand)
      .demandCommand(1, "Say what to do: check, why or diff."),
  handler: () => undefined,
};
