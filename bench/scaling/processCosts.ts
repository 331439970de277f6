import { readFileSync } from "node:fs";

/** Of `/proc/<pid>/stat`, in ticks of a hundredth of a second; counted from after the name, which may hold blanks. */
const USER_TIME = 11;
const TICKS = 100;

export function readCpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
  return (Number(fields[USER_TIME]) + Number(fields[USER_TIME + 1])) / TICKS;
}

export function readMemoryMegabytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}
