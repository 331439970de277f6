import type { CommandModule } from "yargs";

import { accessCheckCommand } from "./accessCheck.ts";
import { accessDiffCommand } from "./accessDiff.ts";
import { accessFuzzCommand } from "./accessFuzz.ts";
import { accessMatrixCommand } from "./accessMatrix.ts";
import { accessMutateCommand } from "./accessMutate.ts";
import { accessPlansCommand } from "./accessPlans.ts";
import { accessWhyCommand } from "./accessWhy.ts";

export const accessCommand: CommandModule = {
  command: "access [action]",
  describe: "Show that row security does what it must.",
  builder: (args) =>
    args
      .command(accessCheckCommand)
      .command(accessMatrixCommand)
      .command(accessFuzzCommand)
      .command(accessMutateCommand)
      .command(accessWhyCommand)
      .command(accessPlansCommand)
      .command(accessDiffCommand)
      .demandCommand(1, "Say what to do: check, matrix, fuzz, mutate, why, plans or diff."),
  handler: () => undefined,
};
