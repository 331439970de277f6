/**
 * A process that runs test files again and again, for `access mutate`: importing what they need once saves most of their
 * time. The files themselves are imported anew, because some open what they need where they declare their tests. It is asked over its channel for the first of some files' failures, and ends when the channel does. Its database is the
 * published cluster's template, which may be another one each time.
 */
import { registerHooks } from "node:module";
import { basename } from "node:path";
import { pathToFileURL } from "node:url";

import type { TestAnswer } from "../../../src/access/mutate/testRunners.ts";
import type { Suite } from "./registry.ts";

const REGISTRY = new URL("registry.ts", import.meta.url).href;

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === "@jest/globals" ? { url: REGISTRY, shortCircuit: true } : next(specifier, context),
});

// Behind the hooks, so that there is one registry.
const { collect } = await import("./registry.ts");
const { firstFailure } = await import("./firstFailure.ts");
const { observeDrops } = await import("../database.ts");
const { readFunctionsRun } = await import("./readFunctionsRun.ts");
let runs = 0;
/** Bytes; every file that is imported anew leaves something behind. */
const WORN_OUT = 1.5e9;
/** Of the file that is running. */
let functions = new Set<string>();

observeDrops(async ({ superuser }) => {
  functions = new Set([...functions, ...(await readFunctionsRun(superuser))]);
});

function load(file: string): Promise<Suite> {
  return collect(() => import(`${pathToFileURL(file).href}?run=${runs++}`));
}

async function run(files: readonly string[]): Promise<TestAnswer> {
  const answer = await runFiles(files);
  return { ...answer, isWornOut: process.memoryUsage.rss() > WORN_OUT };
}

async function runFiles(files: readonly string[]): Promise<Omit<TestAnswer, "isWornOut">> {
  const passed: TestAnswer["passed"] = {};
  for (const file of files) {
    functions = new Set();
    const began = performance.now();
    // Twice: what fails by chance, on a machine that is busy with another mutant, notices nothing.
    const failure = (await firstFailure(await load(file))) && (await firstFailure(await load(file)));
    if (failure !== null) {
      return { failure: `${basename(file)}: ${failure}`, failed: file, passed };
    }
    passed[file] = { seconds: (performance.now() - began) / 1000, functions: [...functions] };
  }
  return { failure: null, failed: null, passed };
}

process.on("message", (files: string[]) => {
  run(files).then(
    (answer) => process.send?.(answer),
    (error: unknown) => process.send?.({ error: error instanceof Error ? error.message : String(error) }),
  );
});
process.on("disconnect", () => process.exit(0));
process.send?.({ failure: null, failed: null, passed: {}, isWornOut: false });
