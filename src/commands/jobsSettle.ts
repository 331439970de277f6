import type { CommandModule } from "yargs";

import { loadConfig } from "../config.ts";
import { withClient } from "../database/withClient.ts";
import { FINDINGS } from "./exitCodes.ts";
import { readJobId } from "./jobId.ts";
import { connectionUrl } from "./url.ts";

interface SettleArguments {
  ids: string[];
}

function settleCommand(
  verb: "retry" | "drop",
  describe: string,
  done: string,
): CommandModule<object, SettleArguments> {
  return {
    command: `${verb} <ids..>`,
    describe,
    builder: (args) =>
      args
        .positional("ids", {
          type: "string",
          array: true,
          demandOption: true,
          coerce: (values: string[]) => values.map((value) => readJobId(String(value))),
          describe: "As `jobs list` prints them.",
        })
        .example(`$0 jobs ${verb} 01900000-0000-7000-8000-000000000001`, "settles a parked job"),
    handler: async ({ ids }) => {
      await withClient(connectionUrl(loadConfig(), "worker"), async (client) => {
        for (const id of ids) {
          const { rows } = await client.query<{ done: boolean }>(
            `select app_hidden.${verb}_job($1) as done`,
            [id],
          );
          if (rows[0]?.done) {
            console.log(`${id} ${done}`);
          } else {
            console.error(`${id} is not there to be settled: it is done, was settled, or a worker is at it.`);
            process.exitCode = FINDINGS;
          }
        }
      });
    },
  };
}

export const jobsRetryCommand = settleCommand(
  "retry",
  "Let jobs run at once; a parked one is added to the queue again, with all its attempts.",
  "runs again",
);

export const jobsDropCommand = settleCommand(
  "drop",
  "Give jobs up for good. A parked one stays on record as dropped.",
  "is dropped",
);
