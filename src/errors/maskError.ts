import { GraphQLError } from "graphql";
import type { Logger } from "pino";

import { currentRequestContext } from "../http/requestContext.ts";
import { AppError } from "./AppError.ts";
import { classifyError, rootCause } from "./classifyError.ts";
import { redactError } from "./redactError.ts";

/** What graphql-js adds where it knows a similar name. */
const SUGGESTION = / Did you mean [^?]*\?/;

/**
 * Builds the function through which every error on its way to a client passes. What leaves: a sentence and a code of
 * the catalogue, the request id and the argument that is wrong. What stays in the log, for INTERNAL and UNAVAILABLE:
 * the cause, without values.
 */
export function makeMaskError(
  logger: Logger,
  { isSchemaShown }: { isSchemaShown: boolean },
): (error: GraphQLError) => GraphQLError {
  return (error) => {
    const request = currentRequestContext();
    const { code, message, argument, retryAfter } = classifyError(error, request?.anonymous ?? true);
    if (request) {
      request.errorCodes.add(code);
      request.retryAfter = retryAfter ?? request.retryAfter;
    }
    const details = { code, requestId: request?.requestId, path: error.path };
    const cause = rootCause(error);
    // What we refuse on purpose, such as a request too many, has no cause, and a crowd of it needs no lines.
    const isOurs = cause instanceof AppError && cause.cause === undefined;
    if ((code === "INTERNAL" || code === "UNAVAILABLE") && !isOurs) {
      logger.error({ ...details, error: redactError(cause) }, "A request failed.");
    } else {
      logger.debug(details, "A request was refused.");
    }
    return new GraphQLError(isSchemaShown ? message : message.replace(SUGGESTION, ""), {
      nodes: error.nodes,
      source: error.source,
      positions: error.positions,
      path: error.path,
      extensions: { code, requestId: request?.requestId, ...(argument && { argument }) },
    });
  };
}
