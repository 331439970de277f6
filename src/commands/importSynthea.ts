import { resolve } from "node:path";

import type { CommandModule } from "yargs";

import { type Config, loadConfig } from "../config.ts";
import { openMigratedDatabase } from "../database/openMigratedDatabase.ts";
import { withClient } from "../database/withClient.ts";
import { ImportFailure } from "../import/ImportFailure.ts";
import { formatReport, type ImportReport } from "../import/importReport.ts";
import { importSynthea, type SyntheaOptions } from "../import/synthea/importSynthea.ts";
import { makeLogger } from "../logging.ts";
import { stopSignal } from "../stopSignal.ts";
import { CLEAN, FINDINGS } from "./exitCodes.ts";
import { makeProgressBar } from "./progressBar.ts";

interface SyntheaArguments {
  folder: string;
  timezone: string;
  owner?: string;
  report?: string;
  json: boolean;
}

type Options = Omit<SyntheaOptions, "ownerId"> & { owner?: string };

async function runImport(config: Config, { owner, ...options }: Options): Promise<ImportReport> {
  const { urls, close } = await openMigratedDatabase(config, makeLogger(config));
  const bar = makeProgressBar();
  let report: ImportReport;
  try {
    const ownerId = owner === undefined ? undefined : await findPerson(urls.superuser, owner);
    report = await importSynthea(urls.data, { ...options, ownerId, onProgress: bar.update });
  } catch (error) {
    bar.stop();
    // What has become of the import is the news, whatever else fails.
    await close().catch(() => undefined);
    throw error;
  }
  bar.stop();
  await close().catch((cause: unknown) => {
    throw new ImportFailure("everything", cause);
  });
  return report;
}

/** Nobody but an administrator of the database can look people up by e-mail address. */
async function findPerson(adminUrl: string, email: string): Promise<string> {
  const id = await withClient(adminUrl, async (client) => {
    const { rows } = await client.query<{ id: string }>(
      "select id from app_public.users where email = lower($1) and deleted_at is null",
      [email],
    );
    return rows[0]?.id;
  });
  if (id === undefined) {
    throw new Error(`Nobody with the e-mail address '${email}' has an account; register them first.`);
  }
  return id;
}

/** As `runImport`; Ctrl-C ends it in order, and every failure says what has become of the data. */
async function runWholeOrNot(config: Config, options: Options): Promise<ImportReport> {
  const interruption = new AbortController();
  void stopSignal().then((signal) => interruption.abort(new Error(`interrupted by ${signal}`)));
  try {
    return await runImport(config, { ...options, signal: interruption.signal });
  } catch (cause) {
    throw cause instanceof ImportFailure ? cause : new ImportFailure("nothing", cause);
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
        coerce: readFolder,
        describe:
          "The folder with organizations.csv, providers.csv, patients.csv, encounters.csv and maybe payers.csv.",
      })
      .option("timezone", {
        type: "string",
        default: "America/New_York",
        describe: "IANA time zone of the new clinics; an export does not say.",
      })
      .option("owner", {
        type: "string",
        describe:
          "E-mail address of an account that becomes the owner of the imported organizations and an administrator of their clinics; without one, only a superadmin sees them.",
      })
      .option("report", { type: "string", describe: "Also write every rejected row to this file, as CSV." })
      .option("json", { type: "boolean", default: false, describe: "Print the report as one JSON object." })
      .example("$0 import synthea ./output/csv", "imports what Synthea has written")
      .epilogue(
        "Exit status: 0 everything is imported, 1 some rows were rejected and the report says why, 2 it failed, and the message says whether anything was imported.",
      ),
  handler: async ({ folder, timezone, owner, report: reportPath, json }) => {
    const report = await runWholeOrNot(loadConfig(), {
      folder,
      timezone,
      owner,
      reportPath: reportPath === undefined ? undefined : resolve(reportPath),
    });
    console.log(json ? JSON.stringify(report, null, 2) : formatReport(report));
    process.exitCode = report.rejectedCounts.length > 0 ? FINDINGS : CLEAN;
  },
};

export const importCommand: CommandModule = {
  command: "import [format]",
  describe: "Import patients and appointments from another system.",
  builder: (args) => args.command(syntheaCommand).demandCommand(1, "Say which format: synthea."),
  handler: () => undefined,
};

/** Nothing is what an empty variable of a script says; it would be the current folder. */
function readFolder(value: string): string {
  if (value === "") {
    throw new Error("Name the folder of the export; got ''.");
  }
  return resolve(value);
}
