import type { CommandModule } from "yargs";

import { accessCheckCommand } from "./accessCheck.ts";
import { accessMatrixCommand } from "./accessMatrix.ts";
import { accessPlansCommand } from "./accessPlans.ts";

export const accessCommand: CommandModule = {
  command: "access <action>",
  describe: "Show that row security does what it must.",
  builder: (args) =>
    args
      .command(accessCheckCommand)
      .command(accessMatrixCommand)
      .command(accessPlansCommand)
      .demandCommand(1, "Say what to do: check, matrix or plans."),
  handler: () => undefined,
};
