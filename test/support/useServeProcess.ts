import { afterAll, beforeAll } from "@jest/globals";

import type { TestDatabase } from "./database.ts";
import { ServeProcess } from "./ServeProcess.ts";

/** Milliseconds. */
const PATIENCE = 120_000;

/** The process that serves the tests of one `describe`. */
export interface Server {
  /** Without a trailing slash; the API is at `/graphql` below it. */
  readonly url: string;
  /** Everything the process has written so far. */
  readonly output: string;
}

/** Runs a `ServeProcess` over the file's database for the tests of one `describe`. `env` is read when it starts. */
export function useServeProcess(db: TestDatabase, env: Record<string, string>): Server {
  let process: ServeProcess | undefined;
  let url = "";
  beforeAll(async () => {
    const { dataDir, roleSecret } = db.config.database;
    process = new ServeProcess(db.config, db.urls.gateway, {
      DATA_DIR: dataDir,
      ROLE_SECRET: roleSecret ?? "",
      DRAIN_DELAY: "0",
      ...env,
    });
    ({ url } = await process.addresses());
  }, PATIENCE);
  afterAll(async () => {
    await process?.stop();
  });
  return {
    get url() {
      return url;
    },
    get output() {
      return process?.output ?? "";
    },
  };
}
