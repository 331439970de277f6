interface Range {
  least: number;
  /** None when absent. */
  most?: number;
}

/** As much as any list is asked for. */
const MANY = 1_000_000;

/**
 * A whole number as it was typed; says what is wrong with anything else before a database is asked. To be read as a text: of
 * yargs' own numbers nobody can tell what they were.
 */
export function readWholeNumber(name: string, value: string | number, { least, most }: Range): number {
  const text = String(value);
  const number = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number) || number < least || (most !== undefined && number > most)) {
    const range = most === undefined ? `from ${least} on` : `from ${least} to ${most}`;
    throw new Error(`${name} must be a whole number ${range}; got '${text}'.`);
  }
  return number;
}

/** For yargs' options: a whole number, without a default. */
export function wholeNumberOption(name: string, range: Range, describe: string) {
  return {
    type: "string",
    requiresArg: true,
    coerce: (value: string | number) => readWholeNumber(name, value, range),
    describe,
  } as const;
}

/** How many, one at least. */
export function countOption(name: string, fallback: number, describe: string) {
  return { ...wholeNumberOption(name, { least: 1, most: MANY }, describe), default: fallback } as const;
}
