/**
 * The process that keeps a scratch project and takes it away again, as src/database/throwAway/guardian.ts does for a
 * cluster: when its standard input ends, or the test run whose process id it was given is gone, whatever still works in
 * the project is ended and the folder goes. So nothing is left behind however Jest comes to its end.
 */
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { processStartTime } from "../../src/database/embedded/processIdentity.ts";
import { processesBelow } from "./processesBelow.ts";

const PROJECT_ROOT = join(import.meta.dirname, "../..");
const COPIED = ["src", "plugins", "bin", "migrations", "package.json", ".gmrc"];
const LOOK_INTERVAL = 500;
const END_INTERVAL = 50;
/** Milliseconds that a server gets to take its shared memory away. */
const SERVER_PATIENCE = 10_000;

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => undefined);
}
process.stdout.on("error", () => undefined);

function isAbandoned(runPid: number): Promise<void> {
  const run = processStartTime(runPid);
  return new Promise((resolve) => {
    process.stdin.resume().once("end", resolve).once("error", resolve);
    // A worker of Jest outlives a killed Jest until it has run its file to the end.
    setInterval(() => processStartTime(runPid) === run || resolve(), LOOK_INTERVAL).unref();
  });
}

function makeProject(): string {
  const root = mkdtempSync(join(tmpdir(), "bailiwick-process-"));
  // As root, the server runs as `nobody`, who would otherwise need a copy of the programs.
  chmodSync(root, 0o755);
  for (const name of COPIED) {
    cpSync(join(PROJECT_ROOT, name), join(root, name), { recursive: true });
  }
  symlinkSync(join(PROJECT_ROOT, "node_modules"), join(root, "node_modules"));
  return root;
}

/** A killed Postgres would leave shared memory behind; SIGQUIT is its immediate shutdown. */
async function endProcesses(root: string): Promise<void> {
  const deadline = Date.now() + SERVER_PATIENCE;
  for (let pids = processesBelow(root); pids.length > 0; pids = processesBelow(root)) {
    for (const pid of pids) {
      signalIfAlive(pid, isServer(pid) && Date.now() < deadline ? "SIGQUIT" : "SIGKILL");
    }
    await sleep(END_INTERVAL);
  }
}

function isServer(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim() === "postgres";
  } catch {
    return false;
  }
}

function signalIfAlive(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") {
      throw error;
    }
  }
}

const abandoned = isAbandoned(Number(process.argv[2]));
const root = makeProject();
try {
  process.stdout.write(`${root}\n`);
  await abandoned;
  await endProcesses(root);
} finally {
  rmSync(root, { recursive: true, force: true });
}
process.exit();
