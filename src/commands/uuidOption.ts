import { isUuid } from "../auth/claims.ts";

/** Passes an id on, and says what is wrong with anything else before a database is asked. */
export function readUuid(name: string, value: string): string {
  if (!isUuid(value)) {
    throw new Error(`${name} must be an id (a uuid); got '${value}'.`);
  }
  return value;
}

/** For yargs' `coerce`: the same of an option that may be absent. */
export function uuidOption(name: string) {
  return (value: string | undefined): string | undefined =>
    value === undefined ? undefined : readUuid(name, value);
}
