import { eventually } from "./eventually.ts";
import type { ServeProcess } from "./ServeProcess.ts";

/** Environment of a process whose memory is read. */
export const TELLS_MEMORY = { NODE_OPTIONS: "--import ./test/support/collectOnSignal.ts" };

export interface HeldMemory {
  /** Bytes that something holds, after a collection. */
  held: number;
  /** Bytes of the process. */
  resident: number;
}

/** What a process that was started with TELLS_MEMORY holds at this moment. */
export async function heldMemory(served: ServeProcess): Promise<HeldMemory> {
  const told = () => served.lines.filter(({ msg }) => msg === "collected");
  const before = told().length;
  process.kill(served.pid, "SIGUSR2");
  await eventually(() => told().length > before);
  const collected = told().at(-1);
  return {
    held: Number(collected?.heap) + Number(collected?.external),
    resident: Number(collected?.rss),
  };
}
