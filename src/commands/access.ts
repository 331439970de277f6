import type { CommandModule } from "yargs";

import { accessCheckCommand } from "./accessCheck.ts";
import { accessFuzzCommand } from "./accessFuzz.ts";

export const accessCommand: CommandModule = {
  command: "access <action>",
  describe: "Show that row security does what it must.",
  builder: (args) =>
    args
      .command(accessCheckCommand)
      .command(accessFuzzCommand)
      .demandCommand(1, "Say what to do: check or fuzz."),
  handler: () => undefined,
};
