import type { Anchor } from "./anchors.ts";

/** What each field of an anchor must be; as in a line that appendAnchor() writes. */
const FIELDS: Record<keyof Anchor, (value: unknown) => boolean> = {
  sequence: isPositive,
  timeline: Number.isSafeInteger,
  firstTransaction: isInteger,
  horizon: isInteger,
  systemIdentifier: isInteger,
  sealedAt: isInteger,
  eventCount: isInteger,
  root: isHash,
  previousHash: (value) => value === null || isHash(value),
  keyId: (value) => typeof value === "string",
  signature: (value) => typeof value === "string",
  hash: isHash,
};

/**
 * The anchor of a line; null where it is none, or the part of one that a crash cut off.
 *
 * @throws when the line is whole and no anchor: that is no crash, somebody wrote it.
 */
export function parseAnchor(line: string, file: string): Anchor | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  const fields = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  const wrong = Object.entries(FIELDS).find(([name, isRight]) => !isRight(fields[name]));
  if (wrong) {
    throw new Error(`'${file}' has a line that is no anchor: its '${wrong[0]}' is missing or malformed.`);
  }
  return value as Anchor;
}

function isInteger(value: unknown): boolean {
  return typeof value === "string" && /^-?\d{1,20}$/.test(value);
}

/** As Postgres numbers checkpoints: a bigint from 1 on. */
function isPositive(value: unknown): boolean {
  return typeof value === "string" && /^[1-9]\d{0,17}$/.test(value);
}

function isHash(value: unknown): boolean {
  return typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
}
