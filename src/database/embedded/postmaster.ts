import { readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";

import { processFolder, processStartTime } from "./processIdentity.ts";

/** A running server, as it describes itself in postmaster.pid. */
export interface Postmaster {
  pid: number;
  port: number;
  isReady: boolean;
}

/**
 * Finds the server that runs in a cluster's folder, whoever started it.
 *
 * @returns null when there is none; a postmaster.pid that a killed server left behind, or whose process id now belongs
 *   to another program, does not count.
 */
export function findPostmaster(clusterDir: string): Postmaster | null {
  const lines = readPidFile(clusterDir);
  const pid = Number(lines?.[0]);
  if (lines === null || !Number.isInteger(pid) || pid <= 0 || !isServerOf(pid, clusterDir)) {
    return null;
  }
  return {
    pid,
    port: Number(lines[3]),
    isReady: lines[7]?.trim() === "ready",
  };
}

/**
 * Removes what a killed server left behind, its postmaster.pid and its socket's lock file: Postgres itself would trust a
 * reused process id in them and refuse to start.
 */
export function removeStaleLocks(clusterDir: string): void {
  if (findPostmaster(clusterDir) !== null) {
    return;
  }
  const stale = readdirSync(clusterDir).filter((name) => /^(postmaster\.pid$|\.s\.PGSQL\.)/.test(name));
  for (const name of stale) {
    rmSync(join(clusterDir, name), { force: true });
  }
}

/** A postmaster works in its cluster's folder, and nothing else does. */
function isServerOf(pid: number, clusterDir: string): boolean {
  return processStartTime(pid) !== null && processFolder(pid) === realpathSync(clusterDir);
}

function readPidFile(clusterDir: string): string[] | null {
  try {
    return readFileSync(join(clusterDir, "postmaster.pid"), "utf8").split("\n");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      return null;
    }
    throw error;
  }
}
