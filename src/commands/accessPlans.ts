import { writeFile } from "node:fs/promises";

import { pino } from "pino";
import type { CommandModule } from "yargs";

import { type ExplainedPlan, explainPlans } from "../access/plans/explainPlans.ts";
import { makePlanData } from "../access/plans/makePlanData.ts";
import { comparePlans, describePlans, PLAN_BASELINE } from "../access/plans/planBaseline.ts";
import type { EmbeddedVersion } from "../database/embedded/binaries.ts";
import { openThrowAwayDatabase } from "../database/throwAway/openThrowAwayDatabase.ts";
import { stopSignal } from "../stopSignal.ts";
import { CLEAN, FINDINGS } from "./exitCodes.ts";
import { wholeNumberOption } from "./numberOption.ts";
import { makeProgressBar } from "./progressBar.ts";

interface AccessPlansArguments {
  rows: number;
  check: boolean;
  postgres: EmbeddedVersion;
  json: boolean;
}

/** The least with which every table that may become large is one. */
const FEWEST_ROWS = 60_000;
const MOST_ROWS = 20_000_000;
/** Of the bar: making the rows takes most of the time. */
const DATA_SHARE = 0.8;

/** Makes the data and explains everything, with a bar on a terminal. The database is gone afterwards, however it ends. */
async function explainAll(
  { rows, postgres }: AccessPlansArguments,
  signal: AbortSignal,
): Promise<ExplainedPlan[]> {
  const bar = makeProgressBar();
  const database = await openThrowAwayDatabase(pino({ level: "silent" }), postgres);
  try {
    await makePlanData(database.urls, rows, {
      signal,
      onProgress: (done, total, step) => bar.update((DATA_SHARE * done) / total, `making ${step}`),
    });
    return await explainPlans(database.urls, {
      signal,
      onProgress: (person, part, title) => bar.update(DATA_SHARE, `${part} as ${person}: ${title}`),
    });
  } finally {
    bar.stop();
    await database.close();
  }
}

/** What a person has to look at, one line each. */
function describeFindings(explained: readonly ExplainedPlan[]): string[] {
  return explained.flatMap(({ person, title, findings }) =>
    findings.map((finding) => `${title} as ${person}: ${finding}`),
  );
}

async function accessPlans(given: AccessPlansArguments): Promise<void> {
  const interruption = new AbortController();
  void stopSignal().then(() => interruption.abort(new Error("Interrupted; nothing was written.")));
  const began = performance.now();
  const explained = await explainAll(given, interruption.signal);
  const seconds = Math.round((performance.now() - began) / 1000);
  const findings = describeFindings(explained);
  const drift = given.check ? await comparePlans(explained) : [];
  if (!given.check && findings.length === 0) {
    await writeFile(PLAN_BASELINE, describePlans(explained));
  }
  if (given.json) {
    console.log(JSON.stringify({ rows: given.rows, seconds, statements: explained.length, findings, drift }));
  } else {
    findings.forEach((finding) => console.log(finding));
    drift.forEach((line) => console.log(line));
    console.log(
      `${explained.length} statements explained at ${given.rows} appointments in ${seconds} s: ` +
        `${findings.length} findings${given.check ? `, ${drift.length} lines other than in ${PLAN_BASELINE}` : ""}.`,
    );
    if (!given.check) {
      console.log(
        findings.length === 0 ? `Wrote ${PLAN_BASELINE}.` : "Nothing is written while there are findings.",
      );
    }
  }
  process.exitCode = findings.length + drift.length > 0 ? FINDINGS : CLEAN;
}

export const accessPlansCommand: CommandModule<object, AccessPlansArguments> = {
  command: "plans",
  describe:
    "Explain, as the real role and on generated data, each policy, the documents of a front end and every list of the API; write docs/access-plans.md. Exit status 1 if a large table is read whole, more than its tenant's rows are read, or a helper is asked for each row.",
  builder: (args) =>
    args
      .option("rows", {
        ...wholeNumberOption(
          "--rows",
          { least: FEWEST_ROWS, most: MOST_ROWS },
          "How many appointments to generate; every other table has its share.",
        ),
        default: 1_000_000,
      })
      .option("check", {
        type: "boolean",
        default: false,
        describe:
          "Write nothing; also exit with status 1 when an answer is not the one in docs/access-plans.md.",
      })
      .option("postgres", {
        choices: [18, 15] as const,
        default: 18 as const,
        describe: "Which embedded Postgres plans.",
      })
      .option("json", { type: "boolean", default: false, describe: "Print one JSON object." })
      .example("$0 access plans --check --rows 60000", "what CI runs, in under a minute"),
  handler: accessPlans,
};
