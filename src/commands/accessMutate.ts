import { availableParallelism } from "node:os";

import type { CommandModule } from "yargs";

import { OWN_MUTANT_WAIVERS } from "../access/mutate/judgeSurvivors.ts";
import { openMutationJournal } from "../access/mutate/mutationJournal.ts";
import { isClean, mutationJson, mutationText } from "../access/mutate/mutationReport.ts";
import { type KillerName, KILLERS, runMutations } from "../access/mutate/runMutations.ts";
import { readWaivers } from "../access/waivers.ts";
import { loadConfig } from "../config.ts";
import { makeLogger } from "../logging.ts";
import { stopSignal } from "../stopSignal.ts";
import { CLEAN, COULD_NOT_RUN, FINDINGS } from "./exitCodes.ts";
import { countOption, wholeNumberOption } from "./numberOption.ts";
import { makeProgressBar } from "./progressBar.ts";

interface AccessMutateArguments {
  only: string[] | undefined;
  sample: number | undefined;
  seed: number;
  jobs: number;
  killers: KillerName[];
  tests: string;
  waivers: string;
  resume: string | undefined;
  json: boolean;
}

function killerNames(given: string): KillerName[] {
  const names = given.split(",");
  const unknown = names.filter((name) => !KILLERS.some((known) => known === name));
  if (unknown.length > 0) {
    throw new Error(`There is no killer '${unknown.join("', '")}'; there are: ${KILLERS.join(", ")}`);
  }
  return KILLERS.filter((name) => names.includes(name));
}

export const accessMutateCommand: CommandModule<object, AccessMutateArguments> = {
  command: "mutate",
  describe:
    "Break the access rules of a throw-away database in every way there is, one at a time; exit status 1 if check, matrix and tests let one pass.",
  builder: (args) =>
    args
      .option("only", {
        type: "string",
        array: true,
        describe: "Mutants of an operator, of an object, or 'operator object'; * stands for anything.",
      })
      .option(
        "sample",
        wholeNumberOption("--sample", { least: 1 }, "So many of them; the same ones each time."),
      )
      .option("seed", {
        ...wholeNumberOption("--seed", { least: 0 }, "Another one makes another sample."),
        default: 1,
      })
      .option("jobs", countOption("--jobs", availableParallelism(), "How many mutants are tried at once."))
      .option("killers", {
        type: "string",
        default: KILLERS.join(","),
        coerce: killerNames,
        describe: "Who has to notice, comma-separated.",
      })
      .option("tests", {
        type: "string",
        default: "",
        describe: "Of the tests, only files with this in their path: to try a new test against its mutants.",
      })
      .option("waivers", {
        type: "string",
        default: OWN_MUTANT_WAIVERS,
        describe: "A file of mutants that change nothing, each with the reason.",
      })
      .option("resume", {
        type: "string",
        describe:
          "A file that keeps the results. What it holds as killed is not tried again, so begin a new one after a change that may let a mutant pass.",
      })
      .option("json", { type: "boolean", default: false, describe: "Print one JSON object." })
      .example(
        "$0 access mutate --only 'policy_dropped *patients*'",
        "drops the policies of patients, one by one",
      )
      .example("$0 access mutate --sample 200 --seed 7", "tries 200 mutants of all kinds")
      .example(
        "$0 access mutate --only '*claim_idempotency_key*' --killers tests --tests schema/requests",
        "holds the conditions of a function against some of the tests",
      )
      .example(
        "$0 access mutate --resume mutants.jsonl",
        "tries all of them, and goes on after an interruption",
      ),
  handler: async ({ only, sample, seed, jobs, killers, tests, waivers, resume, json }) => {
    const interruption = new AbortController();
    void stopSignal().then(() => interruption.abort());
    const bar = makeProgressBar();
    let survivors = 0;
    try {
      const report = await runMutations(makeLogger(loadConfig()), {
        choice: { ...(only !== undefined && { only }), ...(sample !== undefined && { sample }), seed },
        killers,
        tests,
        waivers: await readWaivers(waivers),
        jobs,
        ...(resume !== undefined && { journal: await openMutationJournal(resume) }),
        signal: interruption.signal,
        onResult: ({ status, operator }, done, total) => {
          survivors += status === "killed" ? 0 : 1;
          bar.update(done / total, `${done} of ${total}, ${survivors} unnoticed: ${operator}`);
        },
      });
      bar.stop();
      console.log(json ? mutationJson(report) : mutationText(report));
      process.exitCode = !report.isFinished ? COULD_NOT_RUN : isClean(report) ? CLEAN : FINDINGS;
    } finally {
      bar.stop();
    }
  },
};
