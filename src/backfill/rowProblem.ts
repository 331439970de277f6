import { DatabaseError } from "pg";

import { CODE_BY_OWN_SQLSTATE } from "../errors/catalogue.ts";
import * as sqlStates from "../errors/sqlStates.ts";

/** A row that did not become what it should; the sentence holds no value of it. */
export class RowRefused extends Error {
  override readonly name = "RowRefused";
}

const REASONS: ReadonlyMap<string, string> = new Map([
  [sqlStates.RESTRICT_VIOLATION, "another row refers to it"],
  [sqlStates.NOT_NULL_VIOLATION, "a value is missing"],
  [sqlStates.FOREIGN_KEY_VIOLATION, "it would refer to a row that is not there"],
  [sqlStates.UNIQUE_VIOLATION, "another row has the value"],
  [sqlStates.CHECK_VIOLATION, "a check refuses the value"],
  [sqlStates.EXCLUSION_VIOLATION, "it would overlap another row"],
]);
/** `raise exception` without a code: its text is not known to be free of values. */
const RAISED = "P0001";

/**
 * Why the row itself was refused, in words that are the same for every such row and quote none; null when it was not the
 * row's fault, so that nothing can go on.
 */
export function rowProblem(error: unknown): string | null {
  if (error instanceof RowRefused) {
    return error.message;
  }
  if (!(error instanceof DatabaseError) || error.code === undefined) {
    return null;
  }
  const { code } = error;
  if (CODE_BY_OWN_SQLSTATE.has(code)) {
    return `${code}: ${error.message}`;
  }
  const place = error.constraint ?? error.column;
  const where = place === undefined ? "" : ` (${place})`;
  const reason = REASONS.get(code);
  if (reason !== undefined) {
    return `${code}: ${reason}${where}`;
  }
  if (code.startsWith(sqlStates.DATA_EXCEPTION_CLASS)) {
    return `${code}: a value cannot be converted or is out of range`;
  }
  return code === RAISED ? `${code}: a trigger or a function refuses it` : null;
}
