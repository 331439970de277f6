import type { Client } from "pg";
import type { CommandModule } from "yargs";

import { type BackfillRun, listIssues, listRuns, readRun } from "../backfill/backfillRuns.ts";
import { countOriginals } from "../backfill/countOriginals.ts";
import type { RowProblem } from "../backfill/halveOnRefusal.ts";
import { loadConfig } from "../config.ts";
import { withClient } from "../database/withClient.ts";
import { connectionUrl } from "./url.ts";
import { uuidOption } from "./uuidOption.ts";

interface StatusArguments {
  run: string | undefined;
  json: boolean;
}

interface RunDetails extends Omit<BackfillRun, "issues"> {
  issues: RowProblem[];
  /** Rows that a reversal would give back, or could not. */
  originals: number;
}

async function describeRun(client: Client, id: string): Promise<RunDetails> {
  const run = await readRun(client, id);
  return { ...run, issues: await listIssues(client, id), originals: await countOriginals(client, run) };
}

function line({
  id,
  status,
  startedAt,
  name,
  rowsDone,
  rowsTotal,
  rowsChanged,
  issues,
}: BackfillRun): string {
  const counts = `${rowsDone} of ${rowsTotal} rows, ${rowsChanged} changed, ${issues} refused`;
  return `${id}  ${status.padEnd(9)}  ${startedAt.toISOString()}  ${name}  ${counts}`;
}

function details({ issues, originals, ...run }: RunDetails): string {
  return [
    line({ ...run, issues: issues.length }),
    `${run.table}, ${run.organizationIds.length} organizations; originals of ${originals} rows are kept.`,
    ...issues.map(({ rowId, problem }) => `  ${rowId}  ${problem}`),
  ].join("\n");
}

export const backfillStatusCommand: CommandModule<object, StatusArguments> = {
  command: "status [run]",
  describe: "Print every run with how far it is, or one of them with the rows that it could not bring over.",
  builder: (args) =>
    args
      .positional("run", { type: "string", coerce: uuidOption("The run"), describe: "One run, by its id." })
      .option("json", { type: "boolean", default: false, describe: "Print JSON: a list, or one object." }),
  handler: async ({ run, json }) => {
    await withClient(connectionUrl(loadConfig(), "data"), async (client) => {
      if (run !== undefined) {
        const found = await describeRun(client, run);
        console.log(json ? JSON.stringify(found, null, 2) : details(found));
        return;
      }
      const runs = await listRuns(client);
      if (json) {
        console.log(JSON.stringify(runs, null, 2));
        return;
      }
      runs.forEach((listed) => console.log(line(listed)));
      if (runs.length === 0) {
        console.error("No backfill has run.");
      }
    });
  },
};
