import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { afterAll } from "@jest/globals";

import { processesBelow } from "./processesBelow.ts";

export interface ScratchProject {
  root: string;
  dataDir: string;
  /** Ids of all processes that work in the project or were started from it. */
  processes(): number[];
}

/**
 * A copy of the project, so that a test file may change its migrations, with a data folder of its own. After the file's
 * tests it goes, and with it every process that still works in it: see guardian.ts.
 */
export async function useScratchProject(): Promise<ScratchProject> {
  const { BAILIWICK_TEST_RUN: runPid } = process.env;
  if (!runPid) {
    throw new Error(
      "A scratch project ends with its test run, and there is none: run this under Jest (npm test).",
    );
  }
  // In a process group of its own: Ctrl-C in a terminal must not end the guardian before its work is done.
  const guardian = spawn(process.execPath, [join(import.meta.dirname, "guardian.ts"), runPid], {
    stdio: ["pipe", "pipe", "inherit"],
    detached: true,
  });
  const exited = once(guardian, "exit");
  const lines = createInterface({ input: guardian.stdout });
  const [root] = await Promise.race([once(lines, "line"), exited]);
  lines.close();
  if (typeof root !== "string") {
    throw new Error(`The scratch project could not be made; its guardian left with code ${root}`);
  }
  afterAll(async () => {
    guardian.stdin.end();
    await exited;
  });
  return { root, dataDir: join(root, ".data"), processes: () => processesBelow(root) };
}
