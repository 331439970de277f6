import type { Settings } from "./pipelined/BatchQuery.ts";

/** As Postgres reads it; without a unit in milliseconds. */
const TIMEOUT_PATTERN = /^([1-9]\d*)(m?s)?$/;

/** Milliseconds that a request's statements have; null where there is no limit (reading the catalogue for the schema). */
export function timeoutOf(settings: Settings): number | null {
  const [, number, unit] = TIMEOUT_PATTERN.exec(settings.statement_timeout ?? "") ?? [];
  return number === undefined ? null : Number(number) * (unit === "s" ? 1000 : 1);
}
