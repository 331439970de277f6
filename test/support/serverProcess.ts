import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll } from "@jest/globals";

import type { TestDatabase } from "./database.ts";

const ROOT = join(import.meta.dirname, "../..");
const PATIENCE = 60_000;
const POLL_INTERVAL = 50;

export interface ServerProcess {
  /** Without a trailing slash; the API is at `/graphql` below it. */
  readonly url: string;
  /** Everything the process has written so far. */
  readonly output: string;
}

/** Runs `src/server.ts` as a process of its own over the file's database, for the tests of one `describe`. */
export function useServerProcess(db: TestDatabase, env: Record<string, string>): ServerProcess {
  let child: ChildProcess | undefined;
  let exited: Promise<unknown> = Promise.resolve();
  let output = "";
  let url = "";
  beforeAll(async () => {
    const { auth, database } = db.config;
    child = spawn(process.execPath, ["src/server.ts"], {
      cwd: ROOT,
      env: {
        PATH: process.env.PATH,
        DATABASE_URL: database.url ?? "",
        DATA_DIR: database.dataDir,
        ROLE_SECRET: database.roleSecret ?? "",
        JWT_SECRET: auth.jwtSecret ?? "",
        PORT: "0",
        ADMIN_PORT: "0",
        LOG_LEVEL: "info",
        ...env,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    exited = once(child, "close");
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => (output += text));
    }
    const deadline = Date.now() + PATIENCE;
    for (;;) {
      const match = /http:\/\/[\w.:[\]]+/.exec(output);
      if (match) {
        [url] = match;
        return;
      }
      if (child.exitCode !== null || Date.now() > deadline) {
        throw new Error(`The server did not start; it said:\n${output}`);
      }
      await sleep(POLL_INTERVAL);
    }
  }, PATIENCE);
  afterAll(async () => {
    child?.kill("SIGTERM");
    await exited;
  });
  return {
    get url() {
      return url;
    },
    get output() {
      return output;
    },
  };
}
