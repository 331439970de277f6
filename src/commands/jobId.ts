import { isUuid } from "../auth/claims.ts";

/** A job's id as `jobs list` prints it; says what is wrong with anything else before a database is asked. */
export function readJobId(value: string): string {
  if (!/^\d{1,18}$/.test(value) && !isUuid(value)) {
    throw new Error(`A job's id is a number (in the queue) or a uuid (parked); got '${value}'.`);
  }
  return value;
}
