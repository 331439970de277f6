import { availableParallelism, loadavg } from "node:os";

/**
 * Measures how long something would take on a machine of its own. Tests run beside each other, and beside whatever else
 * the machine does, while a promise about time is about the program: so the best of three attempts counts, and where more
 * wants to run than there are cores, only the share of the time that was ours.
 *
 * @param limit milliseconds; an attempt below it is the last.
 * @param attempt does it once; returns milliseconds.
 */
export async function fastestOfThree(
  limit: number,
  attempt: (round: number) => Promise<number>,
): Promise<number> {
  let fastest = Infinity;
  for (let round = 1; round <= 3 && fastest >= limit; round++) {
    fastest = Math.min(fastest, (await attempt(round)) / crowding());
  }
  return fastest;
}

/** How many runnable processes share a core, over the last minute; 1 at least. */
function crowding(): number {
  return Math.max(1, (loadavg()[0] ?? 0) / availableParallelism());
}
