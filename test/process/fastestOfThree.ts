/**
 * Measures how long something takes when the machine lets it: tests run beside each other on few cores, and a promise
 * about time is about the program. Ends with the first attempt that is fast enough.
 *
 * @param limit milliseconds.
 * @param attempt does it once; returns milliseconds.
 */
export async function fastestOfThree(
  limit: number,
  attempt: (round: number) => Promise<number>,
): Promise<number> {
  let fastest = Infinity;
  for (let round = 1; round <= 3 && fastest >= limit; round++) {
    fastest = Math.min(fastest, await attempt(round));
  }
  return fastest;
}
