import { constant } from "grafast";

/** The field `query` of a mutation's payload. */
export function planQuery() {
  return constant(true);
}
