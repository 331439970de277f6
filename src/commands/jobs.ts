import type { CommandModule } from "yargs";

import { jobsListCommand } from "./jobsList.ts";
import { jobsDropCommand, jobsRetryCommand } from "./jobsSettle.ts";
import { jobsShowCommand } from "./jobsShow.ts";

export const jobsCommand: CommandModule = {
  command: "jobs [action]",
  describe: "See what waits, runs and failed; let a parked job run again, or give it up.",
  builder: (args) =>
    args
      .command(jobsListCommand)
      .command(jobsShowCommand)
      .command(jobsRetryCommand)
      .command(jobsDropCommand)
      .demandCommand(1, "Say what to do: list, show, retry or drop."),
  handler: () => undefined,
};
