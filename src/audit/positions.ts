/** Whole numbers as ranges, each with its first and without its last one, in order. */
export type Ranges = readonly (readonly [from: bigint, until: bigint])[];

/** Ranges of ascending numbers. */
export function rangesOf(numbers: Iterable<bigint | number>): Ranges {
  const ranges: [bigint, bigint][] = [];
  for (const number of numbers) {
    const value = BigInt(number);
    const last = ranges.at(-1);
    if (last?.[1] === value) {
      last[1] = value + 1n;
    } else {
      ranges.push([value, value + 1n]);
    }
  }
  return ranges;
}

/** As Postgres prints a multirange of integers: {[0,3),[5,6)}. */
export function printRanges(ranges: Ranges): string {
  return `{${ranges.map(([from, until]) => `[${from},${until})`).join(",")}}`;
}

/** What printRanges() made. */
export function parseRanges(text: string): Ranges {
  return [...text.matchAll(/\[(\d+),(\d+)\)/g)].map(
    ([, from, until]) => [BigInt(from ?? 0), BigInt(until ?? 0)] as const,
  );
}

export function isWithin(ranges: Ranges, number: bigint): boolean {
  return ranges.some(([from, until]) => from <= number && number < until);
}

/** How many numbers there are in them. */
export function countOf(ranges: Ranges): bigint {
  return ranges.reduce((sum, [from, until]) => sum + (until - from), 0n);
}
