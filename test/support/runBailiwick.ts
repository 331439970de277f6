import { execFile } from "node:child_process";
import { join } from "node:path";

import type { Config } from "../../src/config.ts";

const ROOT = join(import.meta.dirname, "../..");

/** Runs `bailiwick` on the database of a test, as an operator does; what it wrote on both streams, and its exit code. */
export function runBailiwick(
  { database, variables }: Pick<Config, "database"> & { variables?: Readonly<Record<string, string>> },
  ...args: readonly string[]
): Promise<{ code: number; output: string }> {
  const { promise, resolve } = Promise.withResolvers<{ code: number; output: string }>();
  const env = {
    PATH: process.env.PATH,
    DATABASE_URL: database.url ?? "",
    DATA_DIR: database.dataDir,
    ROLE_SECRET: database.roleSecret ?? "",
    ...variables,
  };
  execFile(join(ROOT, "bin/bailiwick"), args, { cwd: ROOT, env }, (error, stdout, stderr) =>
    resolve({ code: Number(error?.code ?? 0), output: stdout + stderr }),
  );
  return promise;
}
