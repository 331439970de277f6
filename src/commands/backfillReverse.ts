import type { CommandModule } from "yargs";

import { reverseBackfill, type ReverseOptions, type ReverseReport } from "../backfill/reverseBackfill.ts";
import { type Config, loadConfig } from "../config.ts";
import { openMigratedDatabase } from "../database/openMigratedDatabase.ts";
import { makeLogger } from "../logging.ts";
import { stopSignal } from "../stopSignal.ts";
import { CLEAN, FINDINGS } from "./exitCodes.ts";
import { makeProgressBar } from "./progressBar.ts";
import { readUuid } from "./uuidOption.ts";

interface ReverseArguments {
  run: string;
  json: boolean;
}

async function reverse(
  config: Config,
  runId: string,
  options: Pick<ReverseOptions, "signal">,
): Promise<ReverseReport> {
  const { urls, close } = await openMigratedDatabase(config, makeLogger(config));
  const bar = makeProgressBar();
  try {
    return await reverseBackfill(urls.data, runId, {
      ...options,
      onProgress: (done, total) => bar.update(done / total, `${done} of ${total} batches`),
    });
  } finally {
    bar.stop();
    await close();
  }
}

function text({ backfill, table, rowsRestored, conflicts }: ReverseReport): string {
  return [
    `${rowsRestored} rows of ${table} are again what they were before ${backfill}.`,
    ...(conflicts.length > 0
      ? [`${conflicts.length} rows were left as they are, and their originals are kept:`]
      : []),
    ...conflicts.map(({ rowId, problem }) => `  ${rowId}  ${problem}`),
  ].join("\n");
}

export const backfillReverseCommand: CommandModule<object, ReverseArguments> = {
  command: "reverse <run>",
  describe:
    "Give the rows that a run has changed back what they were, but for those that were changed since.",
  builder: (args) =>
    args
      .positional("run", {
        type: "string",
        demandOption: true,
        coerce: (value: string) => readUuid("The run", String(value)),
        describe: "As `backfill status` prints it.",
      })
      .option("json", { type: "boolean", default: false, describe: "Print the report as one JSON object." })
      .example("$0 backfill reverse 01900000-0000-7000-8000-000000000001", "undoes a run")
      .epilogue(
        "Ctrl-C ends it after the batch under way. Exit status: 0 all rows are restored, 1 some are conflicts and listed, 2 it was interrupted or failed; the same command goes on with what is left.",
      ),
  handler: async ({ run, json }) => {
    const interruption = new AbortController();
    void stopSignal().then((signal) => interruption.abort(new Error(`interrupted by ${signal}`)));
    const report = await reverse(loadConfig(), run, { signal: interruption.signal });
    console.log(json ? JSON.stringify(report, null, 2) : text(report));
    process.exitCode = report.conflicts.length > 0 ? FINDINGS : CLEAN;
  },
};
