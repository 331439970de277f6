import { isNativeError } from "node:util/types";

import { isSafeError } from "grafast";
import { GraphQLError } from "graphql";

import { AppError } from "./AppError.ts";
import {
  CATALOGUE,
  CODE_BY_OWN_SQLSTATE,
  CODE_BY_POSTGRES_SQLSTATE,
  type ErrorCode,
  isErrorCode,
} from "./catalogue.ts";
import { type ErrorPlace, inputFieldsOf, ownArgumentOf } from "./inputFields.ts";
import * as sqlStates from "./sqlStates.ts";

/** What a client may learn of an error. */
export interface Disclosure {
  code: ErrorCode;
  message: string;
  /** The argument, variable or input field that is wrong, for example `input.patient.birthDate`. */
  argument?: string;
  /** Seconds after which to try again. */
  retryAfter?: number;
}

/** The fields of an error of Postgres (or of the driver) that decide what it means. */
interface DatabaseError extends ErrorPlace {
  code: string;
  message: string;
  hint?: string;
  severity?: string;
}

const OVERLAP_CONSTRAINT = "appointments_no_overlap";
/** Postgres ends the connection with these, or never gives one: it says nothing about what the caller may do. */
const ENDING_SEVERITIES = new Set(["FATAL", "PANIC"]);
/** Codes under which a constraint has refused what somebody has written. */
const ABOUT_INPUT: ReadonlySet<ErrorCode> = new Set(["BAD_USER_INPUT", "ALREADY_EXISTS", "NOT_FOUND"]);
const SQLSTATE_PATTERN = /^[0-9A-Z]{5}$/;
const CONNECTION_ERRORS = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOENT",
  "ENOTFOUND",
  "EPIPE",
  "ETIMEDOUT",
]);
/** node-postgres throws these without a code. */
const CONNECTION_MESSAGES =
  /^(Connection terminated|Query read timeout|timeout (?:expired$|exceeded when trying to connect)|Client has encountered a connection error|Cannot use a pool after)/;

/** `pgDeleteSingle` throws a plain error when the row is not there, or not the caller's. */
const NO_ROW_DELETED_MESSAGE = /^No values were deleted in collection/;

/** What a filter must not be, in the words of its library, which throws plain errors too. */
const FILTER_MESSAGE = /^(?:Empty objects|Null literals) are forbidden in filter argument input\.$/;

/** `Variable "$input" got invalid value … at "input.patient.birthDate"; …`, or `Variable "$id" of required type …` */
const VARIABLE_MESSAGE = /^Variable "\$(\w+)" (?:of |got invalid value (?:.*? at "([\w.[\]]+)";)?)/s;

/** The error at the bottom of GraphQL's wrappers. */
export function rootCause(error: unknown): unknown {
  let current = error;
  while (current instanceof GraphQLError && current.originalError) {
    current = current.originalError;
  }
  return current;
}

/**
 * Decides what a client may know. Unknown errors become INTERNAL; nothing of their text is kept.
 * `anonymous`: whether the request carried no token, which turns "not allowed" into "sign in".
 */
export function classifyError(error: unknown, anonymous: boolean): Disclosure {
  const cause = rootCause(error);
  if (cause instanceof AppError) {
    const { code, message, argument, retryAfter } = cause;
    return { code, message, argument, retryAfter };
  }
  if (cause instanceof GraphQLError) {
    const { code, argument } = cause.extensions;
    if (cause.path === undefined && isErrorCode(code)) {
      return { code, message: cause.message, argument: typeof argument === "string" ? argument : undefined };
    }
    // Raised by GraphQL itself. Without a path it is about the request (a variable, the operation's name) and quotes
    // only what the client sent; with one it is about a result and says that ours was wrong.
    return cause.path === undefined
      ? { code: "BAD_USER_INPUT", message: cause.message, argument: argumentOf(error) }
      : disclose("INTERNAL");
  }
  // Not `instanceof Error`: Node's own errors, of sockets above all, may come from another realm than this file.
  if (isNativeError(cause) && isSafeError(cause)) {
    const code = (cause.extensions as { code?: unknown } | undefined)?.code;
    return { code: isErrorCode(code) ? code : "BAD_USER_INPUT", message: cause.message };
  }
  if (isNativeError(cause)) {
    const disclosure = classifyDatabaseError(cause as Error & Partial<DatabaseError>, anonymous);
    return nameArgument(disclosure, cause as Error & Partial<DatabaseError>);
  }
  return disclose("INTERNAL");
}

/** The variable, and the place in it, that graphql-js's own sentence is about; a scalar's own error lies below it. */
function argumentOf(error: unknown): string | undefined {
  if (!(error instanceof GraphQLError)) {
    return undefined;
  }
  const [, name, place] = VARIABLE_MESSAGE.exec(error.message) ?? [];
  return place ?? name ?? argumentOf(error.originalError);
}

function classifyDatabaseError(error: Error & Partial<DatabaseError>, anonymous: boolean): Disclosure {
  const { code } = error;
  if (code === undefined) {
    if (NO_ROW_DELETED_MESSAGE.test(error.message)) {
      return disclose("NOT_FOUND");
    }
    if (FILTER_MESSAGE.test(error.message)) {
      return { code: "BAD_USER_INPUT", message: error.message, argument: "filter" };
    }
    return disclose(CONNECTION_MESSAGES.test(error.message) ? "UNAVAILABLE" : "INTERNAL");
  }
  if (CONNECTION_ERRORS.has(code) || ENDING_SEVERITIES.has(error.severity ?? "")) {
    return disclose("UNAVAILABLE");
  }
  const own = CODE_BY_OWN_SQLSTATE.get(code);
  if (own) {
    // The hint of one attempt too many is the seconds to wait.
    const retryAfter = code === sqlStates.TOO_MANY_ATTEMPTS ? Number(error.hint) : undefined;
    return own === "NOT_FOUND" ? disclose(own) : { code: own, message: error.message, retryAfter };
  }
  if (!SQLSTATE_PATTERN.test(code)) {
    return disclose("INTERNAL");
  }
  return disclose(codeForPostgres(code, error, anonymous));
}

/** Columns are fields of the input, under the name that the API gives them; what refuses a removal is no field. */
function nameArgument(disclosure: Disclosure, error: ErrorPlace): Disclosure {
  const argument =
    ownArgumentOf(error) ?? (ABOUT_INPUT.has(disclosure.code) ? inputFieldsOf(error) : undefined);
  return argument ? { ...disclosure, argument } : disclosure;
}

function codeForPostgres(
  sqlState: string,
  error: Error & Partial<DatabaseError>,
  anonymous: boolean,
): ErrorCode {
  if (sqlState === sqlStates.INSUFFICIENT_PRIVILEGE && anonymous) {
    return "UNAUTHENTICATED";
  }
  if (sqlState === sqlStates.EXCLUSION_VIOLATION && error.constraint === OVERLAP_CONSTRAINT) {
    return "APPOINTMENT_OVERLAP";
  }
  // The same SQLSTATE reports a reference to nothing and the removal of what is still referred to.
  if (sqlState === sqlStates.FOREIGN_KEY_VIOLATION && error.message.startsWith("update or delete on")) {
    return "CONFLICT";
  }
  const code = CODE_BY_POSTGRES_SQLSTATE.get(sqlState);
  if (code) {
    return code;
  }
  if (
    sqlState.startsWith(sqlStates.CONNECTION_EXCEPTION_CLASS) ||
    sqlState.startsWith(sqlStates.OPERATOR_INTERVENTION_PREFIX)
  ) {
    return "UNAVAILABLE";
  }
  return sqlState.startsWith(sqlStates.DATA_EXCEPTION_CLASS) ? "BAD_USER_INPUT" : "INTERNAL";
}

function disclose(code: ErrorCode): Disclosure {
  return { code, message: CATALOGUE[code].message };
}
