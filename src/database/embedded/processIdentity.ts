import { readFileSync, readlinkSync } from "node:fs";

/**
 * When a process began, in clock ticks since boot: with its id it names one process for good, since ids are reused.
 *
 * @returns null when no such process is alive.
 */
export function processStartTime(pid: number): string | null {
  const stat = readOrNull(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  if (stat === null) {
    return null;
  }
  // The name (field 2) is in parentheses and may hold spaces; the state (field 3) comes after the last of them.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const isZombie = fields[0] === "Z";
  return isZombie ? null : (fields[19] ?? null);
}

/** The folder a process works in; null when it is gone or belongs to somebody else. */
export function processFolder(pid: number): string | null {
  return readOrNull(() => readlinkSync(`/proc/${pid}/cwd`));
}

function readOrNull(read: () => string): string | null {
  try {
    return read();
  } catch {
    return null;
  }
}
