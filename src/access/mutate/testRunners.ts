import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

import { type Config, loadEnvironment, PROJECT_ROOT } from "../../config.ts";
import type { DatabaseUrls } from "../../database/databaseUrls.ts";

/** What the harness of the tests reads where its server is: see test/support/cluster.ts. */
const CLUSTER_VARIABLE = "BAILIWICK_TEST_CLUSTER";
const RUNNER = join(PROJECT_ROOT, "test/support/rerun/serve.ts");

/** What test/support/rerun/serve.ts says of some files: the first failure, and what it saw of the files that passed before. */
export interface TestAnswer {
  /** The file's name and the test's title; null if all passed. */
  failure: string | null;
  /** The file in which it stands. */
  failed: string | null;
  /** By file: how long it took, and which functions of the database may have run. */
  passed: Record<string, { seconds: number; functions: string[] }>;
  /** Whether another process should take over. */
  isWornOut: boolean;
}

/** Processes that run test files against databases, one for each of them. */
export interface TestRunners {
  /** Runs files until one fails. @throws when they cannot be run at all. */
  ask(urls: DatabaseUrls, files: readonly string[]): Promise<TestAnswer>;
  /** The next files are run by a new process. */
  replace(urls: DatabaseUrls): Promise<void>;
  close(): Promise<void>;
}

/** @param config of the server. */
export function openTestRunners(config: Config): TestRunners {
  const runners = new Map<string, ChildProcess>();
  const replace = async ({ superuser }: DatabaseUrls) => {
    const runner = runners.get(superuser);
    runners.delete(superuser);
    await (runner && end(runner));
  };
  return {
    async ask(urls, files) {
      const runner = runners.get(urls.superuser) ?? (await startRunner(clusterOf(config, urls)));
      runners.set(urls.superuser, runner);
      runner.send(files);
      const answer = await answerOf(runner);
      if (answer.isWornOut) {
        await replace(urls);
      }
      return answer;
    },
    replace,
    async close() {
      await Promise.all([...runners.values()].map(end));
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

async function end(runner: ChildProcess): Promise<void> {
  const gone = runner.exitCode === null ? once(runner, "exit") : undefined;
  runner.kill();
  await gone;
}

/** @throws when the files cannot be run at all. */
async function answerOf(runner: ChildProcess): Promise<TestAnswer> {
  const stop = new AbortController();
  const { signal } = stop;
  try {
    const [answer] = (await Promise.race([
      once(runner, "message", { signal }),
      once(runner, "exit", { signal }).then(([code]) => [{ error: `their process left with ${code}` }]),
    ])) as [TestAnswer | { error: string }];
    if ("error" in answer) {
      throw new Error(`The tests could not run: ${answer.error}`);
    }
    return answer;
  } finally {
    stop.abort();
  }
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
