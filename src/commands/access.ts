import type { CommandModule } from "yargs";

import { accessCheckCommand } from "./accessCheck.ts";
import { accessMatrixCommand } from "./accessMatrix.ts";
import { accessMutateCommand } from "./accessMutate.ts";

export const accessCommand: CommandModule = {
  command: "access <action>",
  describe: "Show that row security does what it must.",
  builder: (args) =>
    args
      .command(accessCheckCommand)
      .command(accessMatrixCommand)
      .command(accessMutateCommand)
      .demandCommand(1, "Say what to do: check, matrix or mutate."),
  handler: () => undefined,
};
