import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Ids of all processes that work below a folder or were started with a path below it. */
export function processesBelow(folder: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => belongsTo(pid, folder));
}

function belongsTo(pid: number, folder: string): boolean {
  try {
    const isBelow = readlinkSync(`/proc/${pid}/cwd`).startsWith(folder);
    return (
      existsSync(`/proc/${pid}`) && (isBelow || readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(folder))
    );
  } catch {
    return false;
  }
}
