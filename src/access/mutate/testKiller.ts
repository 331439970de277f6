import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { type Config, loadEnvironment, PROJECT_ROOT } from "../../config.ts";
import type { DatabaseUrls } from "../../database/databaseUrls.ts";
import type { Mutant } from "./generateMutants.ts";
import type { Killer } from "./killer.ts";

/** What the harness of the tests reads where its server is: see test/support/cluster.ts. */
const CLUSTER_VARIABLE = "BAILIWICK_TEST_CLUSTER";
const RUNNER = join(PROJECT_ROOT, "test/support/rerun/serve.ts");
const TESTS = join(PROJECT_ROOT, "test/schema");
/** Quick, and about every object. */
const CATALOGUE_TESTS = join(PROJECT_ROOT, "test/conventions/catalogRules.test.ts");

interface Answer {
  failure?: string | null;
  error?: string;
}

/**
 * Runs the repository's own access tests against the mutant: first those that hold the catalogue, then those that name
 * what it touches, then the rest. They clone its database as they clone the template of every test run.
 *
 * @param config of the throw-away server.
 */
export function makeTestKiller(config: Config): Killer {
  const runners = new Map<string, ChildProcess>();
  const runnerFor = async (urls: DatabaseUrls) => {
    const runner = runners.get(urls.superuser) ?? (await startRunner(clusterOf(config, urls)));
    runners.set(urls.superuser, runner);
    return runner;
  };
  return {
    name: "tests",
    looksAt: "clone",
    async findEvidence(mutant, urls) {
      const runner = await runnerFor(urls);
      runner.send(await testFilesFor(mutant));
      const { failure = null, error } = await answerOf(runner);
      if (error !== undefined) {
        throw new Error(`The tests could not run: ${error}`);
      }
      return failure;
    },
    async close() {
      await Promise.all(
        [...runners.values()].map(async (runner) => {
          const gone = runner.exitCode === null ? once(runner, "exit") : undefined;
          runner.kill();
          await gone;
        }),
      );
    },
  };
}

async function startRunner(cluster: string): Promise<ChildProcess> {
  const runner = fork(RUNNER, {
    cwd: PROJECT_ROOT,
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    env: { ...loadEnvironment(), NODE_ENV: "test", GRAPHILE_ENV: "test", [CLUSTER_VARIABLE]: cluster },
  });
  await answerOf(runner);
  return runner;
}

async function answerOf(runner: ChildProcess): Promise<Answer> {
  const stop = new AbortController();
  try {
    const [answer] = await Promise.race([
      once(runner, "message", { signal: stop.signal }),
      once(runner, "exit", { signal: stop.signal }).then(([code]) => [
        { error: `the runner left with ${code}` },
      ]),
    ]);
    return answer as Answer;
  } finally {
    stop.abort();
  }
}

async function testFilesFor({ touches }: Mutant): Promise<string[]> {
  const [, name = ""] = /^\w+\.(\w+)/.exec(touches ?? "") ?? [];
  const files = (await readdir(TESTS, { recursive: true }))
    .filter((file) => file.endsWith(".test.ts"))
    .map((file) => join(TESTS, file))
    .sort();
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
  const near = files.filter((_, index) => name !== "" && texts[index]?.includes(name));
  return [CATALOGUE_TESTS, ...near, ...files.filter((file) => !near.includes(file))];
}

const clusterOf = ({ database, auth }: Config, urls: DatabaseUrls): string =>
  JSON.stringify({
    NODE_ENV: "test",
    DATABASE_URL: urls.superuser,
    DATA_DIR: database.dataDir,
    ROLE_SECRET: database.roleSecret,
    JWT_SECRET: auth.jwtSecret,
    INTEGRATION_KEY: Buffer.alloc(32, 7).toString("base64"),
    LOG_LEVEL: "silent",
    PORT: "0",
    ADMIN_PORT: "0",
  });
