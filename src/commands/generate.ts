import { Presets, SingleBar } from "cli-progress";
import type { CommandModule } from "yargs";

import { type Config, loadConfig } from "../config.ts";
import { openDatabase } from "../database/openDatabase.ts";
import { prepareDatabase } from "../database/prepareDatabase.ts";
import {
  type GenerateOptions,
  generateVolume,
  type VolumeReport,
  type VolumeRequest,
} from "../generate/generateVolume.ts";
import { makeLogger } from "../logging.ts";
import { stopSignal } from "../stopSignal.ts";
import { CLEAN, COULD_NOT_RUN } from "./exitCodes.ts";
import { wholeNumberOption } from "./numberOption.ts";

/** Generates into the configured database, brought up to date before. @throws in production. */
export async function generate(
  given: Config,
  request: VolumeRequest,
  options: GenerateOptions = {},
): Promise<VolumeReport> {
  if (given.environment === "production") {
    throw new Error(
      "Made-up people and appointments do not belong in production: 'generate' is refused there.",
    );
  }
  const database = await openDatabase(given);
  try {
    await prepareDatabase(database, makeLogger(given), { includeCurrent: true });
    return await generateVolume(database.urls, request, options);
  } finally {
    await database.close();
  }
}

/** Shows a bar on a terminal, and nothing where there is none. */
function progressBar(): Required<Pick<GenerateOptions, "onProgress">> & { stop: () => void } {
  const bar = new SingleBar(
    {
      format: "{bar} {percentage} % | {value} of {total} rows | {step} | {duration_formatted}",
      noTTYOutput: false,
      hideCursor: true,
    },
    Presets.shades_classic,
  );
  let isStarted = false;
  return {
    onProgress(done, total, step) {
      if (!isStarted) {
        bar.start(total, done, { step });
        isStarted = true;
      }
      bar.update(done, { step });
    },
    stop: () => bar.stop(),
  };
}

function describe({ written, around, isComplete }: VolumeReport, seconds: number): string {
  const { tenants, patients, appointments } = written;
  const rows =
    `Wrote ${tenants} rows of organizations, clinics and their people, ${patients} patients and ` +
    `${appointments} appointments around ${around} in ${seconds.toFixed(1)} s.`;
  return isComplete ? rows : `${rows}\nInterrupted: the same command goes on from there.`;
}

/** How many of one kind; what fits together is said of all of them at once. */
const count = (name: string, describe: string) =>
  ({ ...wholeNumberOption(name, { least: 0 }, describe), demandOption: true }) as const;

export const generateCommand: CommandModule<object, VolumeRequest & { json: boolean }> = {
  command: "generate",
  describe:
    "Fill the development database with made-up organizations, clinics, patients and appointments, for benchmarks and plans.",
  builder: (args) =>
    args
      .option(
        "organizations",
        count("--organizations", "How many organizations; the other numbers are spread over them evenly."),
      )
      .option(
        "clinics",
        count("--clinics", "How many clinics in all; each has four providers, an administrator and staff."),
      )
      .option("patients", count("--patients", "How many patients in all."))
      .option("appointments", count("--appointments", "How many appointments in all."))
      .option("seed", {
        ...wholeNumberOption(
          "--seed",
          { least: 0 },
          "The same seed makes the same data, and adds what is missing of it; another one makes other data.",
        ),
        default: 1,
      })
      .option("around", {
        type: "string",
        describe:
          "The day between past and coming appointments, as YYYY-MM-DD; today unless the data exists.",
      })
      .option("json", { type: "boolean", default: false, describe: "Print the report as one JSON object." })
      .example(
        "$0 generate --organizations 10 --clinics 50 --patients 100000 --appointments 1000000",
        "makes a million appointments; run again after Ctrl-C, it goes on",
      ),
  handler: async ({ organizations, clinics, patients, appointments, seed, around, json }) => {
    const interruption = new AbortController();
    void stopSignal().then(() => interruption.abort());
    const { onProgress, stop } = progressBar();
    const began = Date.now();
    try {
      const request = { organizations, clinics, patients, appointments, seed, around };
      const report = await generate(loadConfig(), request, { signal: interruption.signal, onProgress });
      stop();
      console.log(json ? JSON.stringify(report) : describe(report, (Date.now() - began) / 1000));
      process.exitCode = report.isComplete ? CLEAN : COULD_NOT_RUN;
    } finally {
      stop();
    }
  },
};
