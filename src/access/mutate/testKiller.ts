import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { type Config, PROJECT_ROOT } from "../../config.ts";
import { type Mutant, mutantKin } from "./generateMutants.ts";
import type { CloneKiller, Reach } from "./killer.ts";
import { openTestRunners } from "./testRunners.ts";

const TESTS = join(PROJECT_ROOT, "test");
/** What the paths of tests begin with that are about tables, policies and what they call. */
const SCHEMA_TESTS = "schema/";
/** The same of what runs functions from elsewhere: jobs, commands, webhooks, signing in. They are asked about functions alone. */
const FUNCTION_TESTS = [
  "access/explain",
  "audit/",
  "auth/",
  "doctor/",
  "exports/",
  "identity/",
  "integrations/",
  "jobs/",
  "limits/",
  "outbound/",
  "tasks/",
  "webhooks/",
];
/** Quick, and about every object. */
const CATALOGUE_TESTS = join(PROJECT_ROOT, "test/conventions/catalogRules.test.ts");

/** @throws where no test has this in its path: every mutant would survive. */
export async function assertTests(part: string): Promise<void> {
  if ((await testFiles([SCHEMA_TESTS, ...FUNCTION_TESTS], part)).length === 0) {
    throw new Error(`No test that mutants are held against has '${part}' in its path below test/.`);
  }
}

/**
 * Runs the repository's own access tests against the mutant: first those that have killed others of the same object or
 * of the same kind, those that hold the catalogue and those that name what it touches, then the rest. They clone its database as they clone the template of every test run.
 *
 * @param config of the throw-away server.
 * @param part what the path of a file has to have in it; empty for all.
 */
export function makeTestKiller(config: Config, part: string): CloneKiller {
  const runners = openTestRunners(config);
  /** The file that failed last, by the address of its database. */
  const lastFailed = new Map<string, string>();
  /** What each file takes when nothing is wrong: the quick ones come first. */
  const seconds = new Map<string, number>();
  /** Which functions of the database each file has run, as far as was seen: at least once without a mutant. */
  const functions = new Map<string, Set<string>>();
  /** How many mutants of an object, or of a kind, each file has killed. */
  const kills = new Map<string | null, Map<string, number>>();
  const killsOf = (key: string | null): Map<string, number> => {
    const known = kills.get(key) ?? new Map<string, number>();
    kills.set(key, known);
    return known;
  };
  return {
    name: "tests",
    looksAt: "clone",
    async findEvidence(mutant, urls, reach) {
      const telling = [killsOf(mutant.touches), killsOf(mutantKin(mutant))];
      const toldBy = (file: string) => telling.reduce((sum, told) => sum + (told.get(file) ?? 0), 0);
      const mayRun = (file: string) => functions.get(file)?.has(mutant.touches ?? "") ?? true;
      const files = (await testFilesFor(mutant, { part, toldBy, mayRun }))[reach];
      const bySeconds = files.toSorted((a, b) => (seconds.get(a) ?? 0) - (seconds.get(b) ?? 0));
      const answer = await runners.ask(
        urls,
        bySeconds.toSorted((a, b) => toldBy(b) - toldBy(a)),
      );
      const { failed } = answer;
      if (failed !== null) {
        lastFailed.set(urls.superuser, failed);
        telling.forEach((told) => told.set(failed, (told.get(failed) ?? 0) + 1));
      }
      for (const [file, seen] of Object.entries(answer.passed)) {
        seconds.set(file, seen.seconds);
        functions.set(file, new Set([...(functions.get(file) ?? []), ...seen.functions]));
      }
      return answer.failure;
    },
    async isThereAnyway(urls) {
      const { failed } = await runners.ask(
        urls,
        [lastFailed.get(urls.superuser)].filter((file) => file !== undefined),
      );
      if (failed === null) {
        return false;
      }
      // What an earlier test has left behind in that process.
      await runners.replace(urls);
      return true;
    },
    close: runners.close,
  };
}

/**
 * The files that may notice a mutant. Of a function that are those that run it or name it: one that only ever failed is in
 * no count. At worst a mutant is said to survive that one of the others would have noticed.
 */
async function testFilesFor(
  { touches }: Mutant,
  {
    part,
    toldBy,
    mayRun,
  }: { part: string; toldBy: (file: string) => number; mayRun: (file: string) => boolean },
): Promise<Record<Reach, string[]>> {
  const [, name = ""] = /^\w+\.(\w+)/.exec(touches ?? "") ?? [];
  const isFunction = touches?.endsWith(")") ?? false;
  // Nothing is touched where all have to prove that they pass.
  const prefixes = isFunction || touches === null ? [SCHEMA_TESTS, ...FUNCTION_TESTS] : [SCHEMA_TESTS];
  const files = await testFiles(prefixes, part);
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
  const naming = new Set(files.filter((_, index) => name !== "" && texts[index]?.includes(name)));
  const able = files.filter((file) => !isFunction || naming.has(file) || mayRun(file));
  const near = able.filter((file) => toldBy(file) > 0 || naming.has(file));
  return { near: [CATALOGUE_TESTS, ...near], far: able.filter((file) => !near.includes(file)) };
}

async function testFiles(prefixes: readonly string[], part: string): Promise<string[]> {
  return (await readdir(TESTS, { recursive: true }))
    .filter((file) => file.endsWith(".test.ts") && file.includes(part))
    .filter((file) => prefixes.some((prefix) => file.startsWith(prefix)))
    .map((file) => join(TESTS, file))
    .sort();
}
