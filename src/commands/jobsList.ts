import type { CommandModule } from "yargs";

import { loadConfig } from "../config.ts";
import { withClient } from "../database/withClient.ts";
import { JOB_STATES, type JobState, type ListedJob, listJobs } from "../jobs/listJobs.ts";
import { countOption } from "./numberOption.ts";
import { connectionUrl } from "./url.ts";
import { uuidOption } from "./uuidOption.ts";

interface ListArguments {
  state: JobState | undefined;
  organization: string | undefined;
  task: string | undefined;
  lines: number;
  json: boolean;
}

function format({ id, state, task, organizationId, attempts, since, errorCode }: ListedJob): string {
  const why = errorCode ? `  ${errorCode}` : "";
  return `${id.padEnd(36)}  ${state.padEnd(9)}  ${since.toISOString()}  ${task}  ${organizationId ?? "system"}  attempts ${attempts}${why}`;
}

export const jobsListCommand: CommandModule<object, ListArguments> = {
  command: "list",
  describe: "Print the jobs that are not done, the oldest first.",
  builder: (args) =>
    args
      .option("state", {
        choices: JOB_STATES,
        describe: "Those in one state; `parked` are the dead letters.",
      })
      .option("organization", {
        type: "string",
        coerce: uuidOption("--organization"),
        describe: "Those of one organization (its id).",
      })
      .option("task", { type: "string", describe: "Those of one task, such as appointment__notify." })
      .option("lines", { alias: "n", ...countOption("--lines", 100, "How many at most.") })
      .option("json", { type: "boolean", default: false, describe: "Print a JSON list." })
      .example("$0 jobs list --state parked", "shows what was given up"),
  handler: async ({ state, organization, task, lines, json }) => {
    await withClient(connectionUrl(loadConfig(), "worker"), async (client) => {
      const jobs = await listJobs(client, { state, organizationId: organization, task, limit: lines });
      if (json) {
        console.log(JSON.stringify(jobs, null, 2));
        return;
      }
      jobs.forEach((job) => console.log(format(job)));
      if (jobs.length === 0) {
        console.error((state ?? organization ?? task) ? "No such job." : "Nothing is waiting.");
      } else if (jobs.length === lines) {
        console.error(`There may be more: this is the first ${lines} (--lines).`);
      }
    });
  },
};
