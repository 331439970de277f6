import type { CommandModule } from "yargs";

import { loadConfig } from "../config.ts";
import { withClient } from "../database/withClient.ts";
import { listJobs } from "../jobs/listJobs.ts";
import { FINDINGS } from "./exitCodes.ts";
import { readJobId } from "./jobId.ts";
import { connectionUrl } from "./url.ts";

export const jobsShowCommand: CommandModule<object, { id: string; json: boolean }> = {
  command: "show <id>",
  describe: "Print what is known of a job: what it was given, how often it was tried, why it failed.",
  builder: (args) =>
    args
      .positional("id", {
        type: "string",
        demandOption: true,
        coerce: readJobId,
        describe: "As `jobs list` prints it.",
      })
      .option("json", { type: "boolean", default: false, describe: "Print JSON." }),
  handler: async ({ id, json }) => {
    await withClient(connectionUrl(loadConfig(), "worker"), async (client) => {
      const [job] = await listJobs(client, { id, limit: 1 });
      if (job === undefined) {
        console.error(`There is no job '${id}': it is done, was settled, or never was.`);
        process.exitCode = FINDINGS;
      } else if (json) {
        console.log(JSON.stringify(job, null, 2));
      } else {
        for (const [name, value] of Object.entries(job)) {
          const text = value instanceof Date ? value.toISOString() : value;
          console.log(`${name.padEnd(15)} ${typeof text === "string" ? text : JSON.stringify(text)}`);
        }
      }
    });
  },
};
