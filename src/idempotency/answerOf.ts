import { type ExecutionResult, GraphQLError, Source } from "graphql";

import { AppError } from "../errors/AppError.ts";
import type { ErrorCode } from "../errors/catalogue.ts";
import { classifyError, rootCause } from "../errors/classifyError.ts";
import { DEADLOCK_DETECTED, SERIALIZATION_FAILURE } from "../errors/sqlStates.ts";

interface StoredError {
  code: ErrorCode;
  message: string;
  argument?: string;
  path?: readonly (string | number)[];
  positions?: readonly number[];
}

/** Errors that say nothing about the request: the next attempt may succeed. */
const PASSING_CODES: readonly ErrorCode[] = ["INTERNAL", "TIMEOUT", "UNAVAILABLE"];
const PASSING_SQLSTATES: readonly unknown[] = [SERIALIZATION_FAILURE, DEADLOCK_DETECTED];

/**
 * Whether a result is what the request will always be answered with. It is not if nothing was changed for a reason that
 * passes, or if the operation never ran.
 */
export function isFinal({ data, errors = [] }: ExecutionResult): boolean {
  if (data === undefined) {
    return false;
  }
  const isSomethingDone = Object.values(data ?? {}).some((value) => value !== null);
  return isSomethingDone || errors.length === 0 || !errors.every(isPassing);
}

function isPassing(error: GraphQLError): boolean {
  const { code } = rootCause(error) as { code?: unknown };
  return PASSING_SQLSTATES.includes(code) || PASSING_CODES.includes(classifyError(error, false).code);
}

/** A result as text; of its errors only what a client may know. */
export function writeAnswer({ data, errors }: ExecutionResult): string {
  const stored = errors?.map((error): StoredError => {
    const { code, message, argument } = classifyError(error, false);
    return { code, message, argument, path: error.path, positions: error.positions };
  });
  return JSON.stringify({ data, errors: stored });
}

/** The result that `writeAnswer` has written. `document`: the text of the request, to which places of errors refer. */
export function readAnswer(text: string, document: string): ExecutionResult {
  const { data, errors } = JSON.parse(text) as { data: ExecutionResult["data"]; errors?: StoredError[] };
  const source = new Source(document);
  return {
    data,
    ...(errors && {
      errors: errors.map(
        ({ code, message, argument, path, positions }) =>
          new GraphQLError(message, {
            source,
            positions,
            path,
            originalError: new AppError(code, message, { argument }),
          }),
      ),
    }),
  };
}
