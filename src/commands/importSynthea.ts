import { resolve } from "node:path";

import type { CommandModule } from "yargs";

import { type Config, loadConfig } from "../config.ts";
import { openMigratedDatabase } from "../database/openMigratedDatabase.ts";
import { describeFailure } from "../describeFailure.ts";
import { formatReport, type ImportReport } from "../import/importReport.ts";
import { importSynthea, type SyntheaOptions } from "../import/synthea/importSynthea.ts";
import { makeLogger } from "../logging.ts";
import { stopSignal } from "../stopSignal.ts";
import { CLEAN, FINDINGS } from "./exitCodes.ts";
import { makeProgressBar } from "./progressBar.ts";

interface SyntheaArguments {
  folder: string;
  timezone: string;
  report?: string;
  json: boolean;
}

async function runImport(config: Config, options: SyntheaOptions): Promise<ImportReport> {
  const { urls, close } = await openMigratedDatabase(config, makeLogger(config));
  const bar = makeProgressBar();
  try {
    return await importSynthea(urls.data, { ...options, onProgress: bar.update });
  } finally {
    bar.stop();
    await close();
  }
}

/** As `runImport`; Ctrl-C ends it in order, and every failure says that nothing has changed. */
async function runWholeOrNot(config: Config, options: SyntheaOptions): Promise<ImportReport> {
  const interruption = new AbortController();
  void stopSignal().then((signal) => interruption.abort(new Error(`interrupted by ${signal}`)));
  try {
    return await runImport(config, { ...options, signal: interruption.signal });
  } catch (cause) {
    throw new Error(`Nothing was imported: ${describeFailure(cause)}`, { cause });
  }
}

const syntheaCommand: CommandModule<object, SyntheaArguments> = {
  command: "synthea <folder>",
  describe: "Import a Synthea CSV export: all of it in one transaction, and a second time only what is new.",
  builder: (args) =>
    args
      .positional("folder", {
        type: "string",
        demandOption: true,
        describe:
          "The folder with organizations.csv, providers.csv, patients.csv, encounters.csv and maybe payers.csv.",
      })
      .option("timezone", {
        type: "string",
        default: "America/New_York",
        describe: "IANA time zone of the new clinics; an export does not say.",
      })
      .option("report", { type: "string", describe: "Also write every rejected row to this file, as CSV." })
      .option("json", { type: "boolean", default: false, describe: "Print the report as one JSON object." })
      .example("$0 import synthea ./output/csv", "imports what Synthea has written")
      .epilogue(
        "Exit status: 0 everything is imported, 1 some rows were rejected and the report says why, 2 nothing was imported.",
      ),
  handler: async ({ folder, timezone, report: reportPath, json }) => {
    const report = await runWholeOrNot(loadConfig(), {
      folder: resolve(folder),
      timezone,
      reportPath: reportPath === undefined ? undefined : resolve(reportPath),
    });
    console.log(json ? JSON.stringify(report, null, 2) : formatReport(report));
    process.exitCode = report.rejectedCounts.length > 0 ? FINDINGS : CLEAN;
  },
};

export const importCommand: CommandModule = {
  command: "import",
  describe: "Import patients and appointments from another system.",
  builder: (args) => args.command(syntheaCommand).demandCommand(1, "Say which format: synthea."),
  handler: () => undefined,
};
