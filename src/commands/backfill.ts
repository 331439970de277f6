import type { CommandModule } from "yargs";

import { backfillForgetCommand } from "./backfillForget.ts";
import { backfillListCommand } from "./backfillList.ts";
import { backfillReverseCommand } from "./backfillReverse.ts";
import { backfillRunCommand } from "./backfillRun.ts";
import { backfillStatusCommand } from "./backfillStatus.ts";

export const backfillCommand: CommandModule = {
  command: "backfill [action]",
  describe:
    "Change rows that are there already: in batches that can be interrupted, gone on with and reversed.",
  builder: (args) =>
    args
      .command(backfillListCommand)
      .command(backfillRunCommand)
      .command(backfillStatusCommand)
      .command(backfillReverseCommand)
      .command(backfillForgetCommand)
      .demandCommand(1, "Say what to do: list, run, status, reverse or forget."),
  handler: () => undefined,
};
