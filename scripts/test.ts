/**
 * `npm test`: every check of the repository, each with its time, and a closing line that machines read.
 *
 *   npm test                                    everything
 *   npm test -- --only types,lint               some of the steps: types, lint, format, postgres-18, postgres-15, fuzz, mutants
 *   npm test -- --postgres 15 test/schema -t x  Jest on one version of Postgres; what follows goes to Jest
 *   npm test -- --postgres 15 --whole           every test on 15 too, not only those about SQL
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";

import { type Counts, type FileTime, readJestReport } from "./jestReport.ts";
import { type Output, ROOT, runNode, stopRunning } from "./runNode.ts";

const POSTGRES_VERSIONS = ["18", "15"];
/**
 * These start the embedded Postgres 18 themselves, are about its planner, ask the API, are about the gateway and what it sends
 * and no SQL of their own, or are long: once is enough.
 */
const TESTS_OF_NEWEST_ONLY =
  "test/(process|plans|journeys|bench|scaffold|versions|telemetry|http|faults|limits|outbound|commands|documents|errors|" +
  "auth|identity|vault-client|schemaFile|" +
  "access/(fuzz|sabotageReady|mutate/mutateAccess)|" +
  "graphql/(interleaving|rememberedSchema)|compiledReads/(filters|nodes|pages|screens)|" +
  "database/pipelined/isolation|backfill/(interruption|tidyPatientAddresses))";
/**
 * The mutants that the catalogue or a few rows give away, in a minute or two. Those of single conditions take the tests of
 * the schema: a run of all of them is for a change of these rules (docs/access/mutation.md).
 */
const QUICK_MUTANTS = [
  "row_*",
  "table_*",
  "column_*",
  "hidden_*",
  "default_*",
  "definer_*",
  "function_made_definer",
  "function_search_path_lost",
  "function_granted_to_public",
  "role_*",
  "schema_writable",
  "system_*",
  "database_*",
  "trigger_*",
  "unique_*",
  "view_*",
  "foreign_key_*",
  "policy_made_permissive",
  "policy_to_public",
];
const MUTATE = ["src/cli.ts", "access", "mutate", "--killers", "check,matrix", "--only"];
const QUIET = ["--disable-warning=ExperimentalWarning"];

interface JestOptions {
  jestArgs: string[];
  /** On every version all tests, also those of TESTS_OF_NEWEST_ONLY. */
  isWhole: boolean;
}

interface Step {
  name: string;
  run: (output: Output) => Promise<Counts>;
  /** Runs beside the step before it: both wait for the database in turns, and leave half of the machine idle alone. */
  isBeside?: boolean;
}

interface Result extends Counts {
  name: string;
  seconds: number;
}

/** Files of access tests with their seconds, by the step that ran them. */
const accessTimes = new Map<string, FileTime[]>();

let interrupted: NodeJS.Signals | undefined;

const stepOf = (postgresVersion: string) => `postgres-${postgresVersion}`;

async function runTool(args: string[], output?: Output): Promise<Counts> {
  const passed = (await runNode(args, output && { output })) === 0;
  return { passed: passed ? 1 : 0, failed: passed ? 0 : 1, skipped: 0 };
}

async function runJest(postgresVersion: string, { jestArgs, isWhole }: JestOptions): Promise<Counts> {
  const report = join(ROOT, "node_modules/.cache", `jest-report-${postgresVersion}.json`);
  await rm(report, { force: true });
  const runsAll = isWhole || postgresVersion === POSTGRES_VERSIONS[0];
  if (!runsAll) {
    console.log(`(without ${TESTS_OF_NEWEST_ONLY}, which always runs on ${POSTGRES_VERSIONS[0]})`);
  }
  const code = await runNode(
    [
      "--experimental-vm-modules",
      "--disable-warning=ExperimentalWarning",
      "--import=./test/support/endWithJest.ts",
      "node_modules/jest/bin/jest.js",
      "--json",
      `--outputFile=${report}`,
      ...jestArgs,
      // Last: it takes every word that follows for another pattern.
      ...(runsAll ? [] : [`--testPathIgnorePatterns=${TESTS_OF_NEWEST_ONLY}`]),
    ],
    { env: { TEST_POSTGRES_VERSION: postgresVersion } },
  );
  const result = await readJestReport(report, code);
  accessTimes.set(stepOf(postgresVersion), result.accessTimes);
  return result.counts;
}

function allSteps(jest: JestOptions): Step[] {
  return [
    { name: "types", run: () => runTool(["node_modules/typescript-native/bin/tsc", "--noEmit"]) },
    { name: "lint", run: () => runTool(["node_modules/eslint/bin/eslint.js", "."]) },
    {
      name: "format",
      run: () => runTool(["node_modules/prettier/bin/prettier.cjs", "--check", ".", "--log-level", "warn"]),
    },
    ...POSTGRES_VERSIONS.map((version) => ({
      name: stepOf(version),
      run: () => runJest(version, jest),
    })),
    // The whole API, asked as people of another tenant: docs/access/fuzz.md. It brings its own Postgres 18.
    {
      name: "fuzz",
      run: (output) => runTool([...QUIET, "src/cli.ts", "access", "fuzz"], output),
    },
    // Whether anybody would notice if a rule went wrong: docs/access/mutation.md.
    {
      name: "mutants",
      run: (output) => runTool([...QUIET, ...MUTATE, ...QUICK_MUTANTS], output),
      isBeside: true,
    },
  ];
}

/** `--only` and `--postgres` name steps, `--whole` leaves no test out; every other argument is Jest's. */
function parseArguments(argv: string[]): JestOptions & { names: string[] } {
  const names: string[] = [];
  const jestArgs: string[] = [];
  const isWhole = argv.includes("--whole");
  const rest = argv.filter((argument) => argument !== "--whole");
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    const option = /^--(only|postgres)(?:=(.*))?$/.exec(argument);
    if (!option) {
      jestArgs.push(argument);
      continue;
    }
    const values = (option[2] ?? rest.shift() ?? "").split(",");
    names.push(...(option[1] === "postgres" ? values.map((version) => `postgres-${version}`) : values));
  }
  return { names, jestArgs, isWhole };
}

/** Everything, or what was named; arguments for Jest alone mean Jest on the newest Postgres. */
function chooseSteps(argv: string[]): Step[] {
  const { names, jestArgs, isWhole } = parseArguments(argv);
  const steps = allSteps({ jestArgs, isWhole });
  const known = steps.map((step) => step.name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new Error(`Unknown step '${unknown.join("', '")}'; the steps are: ${known.join(", ")}`);
  }
  if (names.length === 0 && jestArgs.length === 0) {
    return steps;
  }
  const chosen = names.length > 0 ? names : ["postgres-18"];
  return steps.filter((step) => chosen.includes(step.name));
}

function printTable(results: Result[]): void {
  console.log("\nstep           seconds   passed   failed  skipped");
  for (const { name, seconds, passed, failed, skipped } of results) {
    const numbers = [passed, failed, skipped].map((count) => String(count).padStart(9)).join("");
    console.log(`${name.padEnd(14)}${seconds.toFixed(1).padStart(8)}${numbers}`);
  }
  const total = (key: keyof Counts) => results.reduce((sum, result) => sum + result[key], 0);
  console.log(`\n${total("passed")} passed, ${total("failed")} failed, ${total("skipped")} skipped`);
}

/** Files run side by side, so these seconds add up to more than the step's. */
function printAccessTimes(): void {
  for (const [step, files] of accessTimes) {
    if (files.length > 0) {
      console.log(`\naccess, ${step}${" ".repeat(22)}seconds`);
      files.forEach(({ file, seconds }) =>
        console.log(`  ${file.padEnd(38)}${seconds.toFixed(1).padStart(8)}`),
      );
    }
  }
}

/** Steps that run at the same time, in the order of all. */
function groupsOf(steps: readonly Step[]): Step[][] {
  const groups: Step[][] = [];
  for (const step of steps) {
    const last = groups.at(-1);
    if (step.isBeside && last) {
      last.push(step);
    } else {
      groups.push([step]);
    }
  }
  return groups;
}

async function timed(step: Step, output: Output): Promise<Result> {
  const started = performance.now();
  const counts = await step.run(output);
  return { name: step.name, seconds: (performance.now() - started) / 1000, ...counts };
}

async function main(): Promise<number> {
  const results: Result[] = [];
  for (const group of groupsOf(chooseSteps(process.argv.slice(2)))) {
    if (interrupted) {
      return 130;
    }
    console.log(`\n── ${group.map(({ name }) => name).join(" and ")}`);
    const run = group.map((step, index) => timed(step, index === 0 ? "as it comes" : "in one piece"));
    results.push(...(await Promise.all(run)));
  }
  printAccessTimes();
  printTable(results);
  return interrupted ? 130 : results.some((result) => result.failed > 0) ? 1 : 0;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    interrupted = signal;
    // main() waits for them.
    stopRunning(signal);
  });
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`npm test: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
}
