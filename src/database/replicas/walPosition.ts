const PATTERN = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i;
const LOW_BITS = 32n;
const HEXADECIMAL = 16;

/** A place in the write-ahead log as Postgres writes it, `16/B374D848`; null for anything else. */
export function parseWalPosition(text: string): bigint | null {
  const [, high, low] = PATTERN.exec(text) ?? [];
  return high === undefined || low === undefined
    ? null
    : (BigInt(`0x${high}`) << LOW_BITS) + BigInt(`0x${low}`);
}

export function formatWalPosition(position: bigint): string {
  const low = BigInt.asUintN(Number(LOW_BITS), position);
  return [position >> LOW_BITS, low].map((part) => part.toString(HEXADECIMAL).toUpperCase()).join("/");
}
