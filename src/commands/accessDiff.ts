import { pino } from "pino";
import type { CommandModule } from "yargs";

import { type AccessDiff, diffAccess, needsApproval } from "../access/diff/diffAccess.ts";
import { diffMarkdown, diffText } from "../access/diff/diffReport.ts";
import { findBase, withScratchFolder } from "../access/diff/findBase.ts";
import { stopSignal } from "../stopSignal.ts";
import { CLEAN, FINDINGS } from "./exitCodes.ts";
import { makeProgressBar } from "./progressBar.ts";
import { printApi } from "./schema.ts";

const FORMATS = {
  text: diffText,
  markdown: diffMarkdown,
  json: (diff: AccessDiff) => JSON.stringify(diff, null, 2),
};

interface AccessDiffArguments {
  base: string;
  check: boolean;
  format: keyof typeof FORMATS;
  json: boolean;
}

async function accessDiff(given: string): Promise<AccessDiff> {
  const interruption = new AbortController();
  const { signal } = interruption;
  void stopSignal().then(() => interruption.abort(new Error("Interrupted; nothing was compared.")));
  const progress = makeProgressBar();
  const onProgress = (fraction: number, step: string) => {
    signal.throwIfAborted();
    progress.update(fraction, step);
  };
  try {
    return await withScratchFolder(async (folder) => {
      const base = await findBase(given, folder);
      const diff = diffAccess(base, { logger: pino({ level: "silent" }), printApi, onProgress });
      // The folder goes at once; servers are left in order at the next step.
      return Promise.race([diff, abortion(signal)]);
    });
  } finally {
    progress.stop();
  }
}

/** Rejects with the signal's reason when it comes. */
function abortion(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.throwIfAborted();
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}

export const accessDiffCommand: CommandModule<object, AccessDiffArguments> = {
  command: "diff <base>",
  describe:
    "Say what this checkout's migrations, the open one included, let whom do more (WIDENS) or less (NARROWS) than a base did, what BREAKS for clients of the API, and how many rows each person of the demo gains and loses.",
  builder: (args) =>
    args
      .positional("base", {
        type: "string",
        demandOption: true,
        describe:
          "A git revision, the number or name of a committed migration, or the URL of a database (read only, without the sample).",
      })
      .option("check", {
        type: "boolean",
        default: false,
        describe: "Exit with status 1 when anything widens or breaks.",
      })
      .option("format", {
        choices: Object.keys(FORMATS) as (keyof typeof FORMATS)[],
        default: "text" as const,
        describe: "How to print it; markdown is for a comment on a pull request.",
      })
      .option("json", { type: "boolean", default: false, describe: "The same as --format json." })
      .example("$0 access diff main --check", "holds a branch against main")
      .example("$0 access diff 22", "everything since the committed migration 000022"),
  handler: async ({ base, check, format, json }) => {
    const diff = await accessDiff(base);
    console.log(FORMATS[json ? "json" : format](diff));
    process.exitCode = check && needsApproval(diff) ? FINDINGS : CLEAN;
  },
};
