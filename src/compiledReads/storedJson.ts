import { type SQL, sql } from "pg-sql2";

import { literal, type Part } from "./columnJson.ts";
import { NotCompilable } from "./NotCompilable.ts";

/** Neither JSON nor anything else in an answer has these two: there, such characters are escaped. */
const BEGIN = "\u0001";
const END = "\u0002";
/** No JSON begins with it: the value behind is of a field that is never null. */
const NEVER_NULL = "!";

/** Null where an answer with it is for Grafast to give: rewriteJson() throws. */
export const NOT_TO_BE_SHOWN = `${BEGIN}${NEVER_NULL}null${END}`;

/**
 * A value that is JSON in the database, marked as such. As it is printed it is not what the API shows, which has numbers as
 * JavaScript knows them, keys that are numbers first, none of them twice, and no blanks: see rewriteJson().
 */
export function storedJson(value: SQL, isNotNull: boolean): Part[] {
  return isNotNull
    ? [BEGIN + NEVER_NULL, sql`${value}::text`, END]
    : [sql`coalesce(${literal(BEGIN)} || ${value}::text || ${literal(END)}, 'null')`];
}

/** Whether a statement's answer may have values that rewriteJson() has to write anew. */
export function hasStoredJson(statement: string): boolean {
  return statement.includes(BEGIN);
}

/**
 * An answer as the API gives it, in which each value that was JSON in the database has been read and written by JavaScript.
 *
 * @throws NotCompilable for null where the API has none, and for what JavaScript has no number for.
 */
export function rewriteJson(answer: string): string {
  const [before = "", ...marked] = answer.split(BEGIN);
  return before + marked.map(rewritten).join("");
}

function rewritten(marked: string): string {
  const end = marked.indexOf(END);
  const isNeverNull = marked.startsWith(NEVER_NULL);
  const value: unknown = JSON.parse(marked.slice(isNeverNull ? NEVER_NULL.length : 0, end));
  if ((value === null && isNeverNull) || (typeof value === "number" && !Number.isFinite(value))) {
    throw new NotCompilable("a value that the API has not");
  }
  return JSON.stringify(value) + marked.slice(end + END.length);
}
