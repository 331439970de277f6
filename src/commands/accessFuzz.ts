import { pino } from "pino";
import type { CommandModule } from "yargs";

import { fuzzText, isClean } from "../access/fuzz/fuzzReport.ts";
import { runFuzz } from "../access/fuzz/runFuzz.ts";
import { openThrowAwayDatabase } from "../database/throwAway/openThrowAwayDatabase.ts";
import { stopSignal } from "../stopSignal.ts";
import { CLEAN, COULD_NOT_RUN, FINDINGS } from "./exitCodes.ts";
import { wholeNumberOption } from "./numberOption.ts";
import { makeProgressBar } from "./progressBar.ts";

interface AccessFuzzArguments {
  only: string | undefined;
  seed: number;
  json: boolean | undefined;
}

/** @throws when it is no regular expression. */
function parsePattern(pattern: string): RegExp {
  try {
    return new RegExp(pattern);
  } catch {
    throw new Error(`--only takes a regular expression, such as '^Patient\\.'; this is none: ${pattern}`);
  }
}

export const accessFuzzCommand: CommandModule<object, AccessFuzzArguments> = {
  command: "fuzz",
  describe:
    "Ask the API for everything it has, as people of another tenant; exit status 1 if anything gets through or is not asked for. Runs in a database of its own, which is gone afterwards.",
  builder: (args) =>
    args
      .option("only", {
        type: "string",
        describe:
          "A regular expression of fields, arguments or inputs, such as '^Patient\\.familyName$'; everything when absent.",
      })
      .option("seed", {
        ...wholeNumberOption(
          "--seed",
          { least: 0 },
          "Of made-up ids, and of the requests that are also sent over HTTP.",
        ),
        default: 1,
      })
      .option("json", { type: "boolean", describe: "Print the report as one JSON object." })
      .example("$0 access fuzz --only '^Mutation\\.'", "sends the mutations only"),
  handler: async ({ only, seed, json }) => {
    const pattern = only === undefined ? undefined : parsePattern(only);
    const interruption = new AbortController();
    void stopSignal().then(() => interruption.abort());
    const bar = makeProgressBar();
    const database = await openThrowAwayDatabase(pino({ level: "silent" }));
    try {
      const report = await runFuzz(database, pino({ level: "silent" }), {
        only: pattern,
        seed,
        onProgress: bar.update,
        signal: interruption.signal,
      });
      bar.stop();
      console.log(json ? JSON.stringify(report) : fuzzText(report));
      process.exitCode = isClean(report) ? CLEAN : FINDINGS;
    } catch (error) {
      if (!interruption.signal.aborted) {
        throw error;
      }
      console.error("Interrupted: nothing is left behind, and nothing was shown.");
      process.exitCode = COULD_NOT_RUN;
    } finally {
      bar.stop();
      await database.close();
    }
  },
};
