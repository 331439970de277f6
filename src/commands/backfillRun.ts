import type { CommandModule } from "yargs";

import { MAXIMUM_BATCH, readBackfill } from "../backfill/readBackfill.ts";
import { type BackfillOptions, type BackfillReport, runBackfill } from "../backfill/runBackfill.ts";
import { type Config, loadConfig } from "../config.ts";
import { openMigratedDatabase } from "../database/openMigratedDatabase.ts";
import { makeLogger } from "../logging.ts";
import { stopSignal } from "../stopSignal.ts";
import { folderOption } from "./backfillFolder.ts";
import { CLEAN, FINDINGS } from "./exitCodes.ts";
import { wholeNumberOption } from "./numberOption.ts";
import { makeProgressBar } from "./progressBar.ts";
import { readUuid } from "./uuidOption.ts";

interface RunArguments {
  name: string;
  organization: string[] | undefined;
  all: boolean | undefined;
  batch: number | undefined;
  "dry-run": boolean;
  folder: string;
  json: boolean;
}

async function run(
  config: Config,
  { folder, name }: Pick<RunArguments, "folder" | "name">,
  options: BackfillOptions,
): Promise<BackfillReport> {
  const backfill = await readBackfill(folder, name);
  const { urls, close } = await openMigratedDatabase(config, makeLogger(config));
  const bar = makeProgressBar();
  try {
    return await runBackfill(urls.data, backfill, {
      ...options,
      onProgress: (done, total) => bar.update(done / Math.max(done, total), `${done} of ${total} rows`),
    });
  } finally {
    bar.stop();
    await close();
  }
}

function text({
  run: id,
  backfill,
  table,
  isResumed,
  rowsDone,
  rowsChanged,
  problems,
}: BackfillReport): string {
  const counts = `${rowsChanged} of ${rowsDone} rows of ${table}`;
  const refused = problems.reduce((sum, { rows }) => sum + rows, 0);
  const lines =
    id === null
      ? [`${backfill} would change ${counts}; nothing was kept.`]
      : [
          `${backfill} has changed ${counts}${isResumed ? ", with what was done before it was interrupted" : ""}.`,
        ];
  if (refused > 0) {
    lines.push(`${refused} rows were refused and are as they were:`);
  }
  lines.push(...problems.map(({ problem, rows }) => `  ${String(rows).padStart(6)}  ${problem}`));
  if (id !== null) {
    lines.push(`This was the run ${id}: \`backfill status\` and \`backfill reverse\` take it.`);
  }
  return lines.join("\n");
}

export const backfillRunCommand: CommandModule<object, RunArguments> = {
  command: "run <name>",
  describe: "Run a backfill, or go on with the run of it that was interrupted.",
  builder: (args) =>
    args
      .positional("name", { type: "string", demandOption: true, describe: "As `backfill list` prints it." })
      .option("organization", {
        type: "string",
        array: true,
        nargs: 1,
        conflicts: "all",
        coerce: (ids: string[] | undefined) => ids?.map((id) => readUuid("--organization", String(id))),
        describe: "Whose rows: an organization's id. May be given several times.",
      })
      .option("all", { type: "boolean", describe: "The rows of every organization." })
      .option(
        "batch",
        wholeNumberOption(
          "--batch",
          { least: 1, most: MAXIMUM_BATCH },
          "Rows of one transaction, instead of what the file says.",
        ),
      )
      .option("dry-run", {
        type: "boolean",
        default: false,
        describe: "Do everything and keep nothing: how many rows would change, and which would be refused.",
      })
      .option("folder", folderOption)
      .option("json", { type: "boolean", default: false, describe: "Print the report as one JSON object." })
      .example("$0 backfill run tidy_patient_addresses --all --dry-run", "tries it")
      .epilogue(
        "Ctrl-C ends it after the batch under way. Exit status: 0 all rows are done, 1 some were refused, 2 it was interrupted or failed; the same command goes on from the last batch.",
      ),
  handler: async ({ name, organization, all, batch, "dry-run": isDryRun, folder, json }) => {
    const interruption = new AbortController();
    void stopSignal().then((signal) => interruption.abort(new Error(`interrupted by ${signal}`)));
    const report = await run(
      loadConfig(),
      { folder, name },
      {
        organizations: all ? "all" : organization,
        batchSize: batch,
        isDryRun,
        signal: interruption.signal,
      },
    );
    console.log(json ? JSON.stringify(report, null, 2) : text(report));
    process.exitCode = report.problems.length > 0 ? FINDINGS : CLEAN;
  },
};
