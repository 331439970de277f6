import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

import type { EmbeddedVersion } from "../embedded/binaries.ts";

/** What the guardian says once its server accepts connections. */
export interface GuardianReport {
  superuserUrl: string;
  /** Holds the cluster and `secrets.json`; absolute. */
  dataDir: string;
}

export interface ThrowAwayCluster extends GuardianReport {
  /** Stops the server and removes its folder; resolves when both are gone. Safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Starts an empty Postgres without fsync in a temporary folder. It lives as long as this process at most: see guardian.ts.
 *
 * @throws when the server does not start; its reason is on standard error.
 */
export async function startThrowAwayCluster(version: EmbeddedVersion = 18): Promise<ThrowAwayCluster> {
  // In a process group of its own, so that Ctrl-C in a terminal reaches the guardian only as the end of its input.
  const guardian = spawn(process.execPath, [join(import.meta.dirname, "guardian.ts"), String(version)], {
    stdio: ["pipe", "pipe", "inherit"],
    detached: true,
  });
  const exited = once(guardian, "exit");
  let stopping: Promise<void> | undefined;
  const stop = () =>
    (stopping ??= (async () => {
      guardian.stdin.end();
      await exited;
    })());
  const lines = createInterface({ input: guardian.stdout });
  const [first] = await Promise.race([once(lines, "line"), exited]);
  lines.close();
  if (typeof first !== "string") {
    throw new Error(`The throw-away Postgres ${version} did not start; the guardian left with code ${first}`);
  }
  // An asker that forgets to stop may still come to its end, which stops the server too.
  guardian.unref();
  for (const stream of [guardian.stdin, guardian.stdout]) {
    (stream as unknown as { unref(): void }).unref();
  }
  const report: GuardianReport = JSON.parse(first);
  return { ...report, stop: () => (guardian.ref(), stop()) };
}
