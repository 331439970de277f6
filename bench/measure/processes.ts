import { readdirSync, readFileSync } from "node:fs";

/** Of the kernel's accounting, the same on all of Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

interface Stat {
  pid: number;
  parent: number;
  /** Its own. */
  ticks: number;
  /** Of children that have ended. */
  endedTicks: number;
}

/** Processor time of a process and all below it, in seconds; that of children that have ended counts too. */
export function cpuSeconds(pid: number): number {
  return sumOf(pid, true) / TICKS_PER_SECOND;
}

/** Processor time of the children of a process, without its own: what Postgres' backends have used. */
export function childCpuSeconds(pid: number): number {
  return sumOf(pid, false) / TICKS_PER_SECOND;
}

/** The most memory that a process and those below it have ever held, in MiB: the sum of each one's peak. */
export function peakMemory(pid: number): number {
  return family(pid).reduce((sum, { pid: member }) => sum + peakOf(member), 0);
}

function peakOf(pid: number): number {
  try {
    const kilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "0";
    return Number(kilobytes) / 1024;
  } catch {
    // It has ended since it was listed.
    return 0;
  }
}

function sumOf(pid: number, isOwnCounted: boolean): number {
  return family(pid)
    .map((member) => member.endedTicks + (isOwnCounted || member.pid !== pid ? member.ticks : 0))
    .reduce((sum, ticks) => sum + ticks, 0);
}

function family(root: number): Stat[] {
  const all = readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? readStat(name) : []));
  const members = all.filter(({ pid }) => pid === root);
  for (const { pid } of members) {
    members.push(...all.filter(({ parent }) => parent === pid));
  }
  return members;
}

function readStat(name: string): Stat[] {
  try {
    // The second field is a name in brackets, which may hold anything.
    const fields = readFileSync(`/proc/${name}/stat`, "utf8").split(") ").pop()?.split(" ") ?? [];
    const [parent, user, system, endedUser, endedSystem] = [1, 11, 12, 13, 14].map((at) =>
      Number(fields[at]),
    );
    return [
      {
        pid: Number(name),
        parent: parent ?? 0,
        ticks: (user ?? 0) + (system ?? 0),
        endedTicks: (endedUser ?? 0) + (endedSystem ?? 0),
      },
    ];
  } catch {
    // It has ended since it was listed.
    return [];
  }
}
