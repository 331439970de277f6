import type { CommandModule } from "yargs";

import { backupCreateCommand } from "./backupCreate.ts";
import { backupRestoreCommand } from "./backupRestore.ts";
import { backupVerifyCommand } from "./backupVerify.ts";

export const backupCommand: CommandModule = {
  command: "backup [action]",
  describe: "Write the database into a file, make an empty one of it, and prove that it is the same.",
  builder: (args) =>
    args
      .command(backupCreateCommand)
      .command(backupRestoreCommand)
      .command(backupVerifyCommand)
      .demandCommand(1, "Say what to do: create, restore or verify."),
  handler: () => undefined,
};
