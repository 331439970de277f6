import { GraphQLError } from "graphql";
import type { Logger } from "pino";

import { currentRequestContext } from "../http/requestContext.ts";
import { AppError } from "./AppError.ts";
import { classifyError, rootCause } from "./classifyError.ts";
import { redactError } from "./redactError.ts";

/**
 * Builds the function through which every error on its way to a client passes. What leaves: a sentence and a code of
 * the catalogue and the request id. What stays in the log, for INTERNAL and UNAVAILABLE: the cause, without values.
 */
export function makeMaskError(logger: Logger): (error: GraphQLError) => GraphQLError {
  return (error) => {
    const request = currentRequestContext();
    const { code, message } = classifyError(error, request?.anonymous ?? true);
    request?.errorCodes.add(code);
    const cause = rootCause(error);
    if (request && cause instanceof AppError) {
      request.retryAfter = cause.retryAfter ?? request.retryAfter;
    }
    const details = { code, requestId: request?.requestId, path: error.path };
    if (code === "INTERNAL" || code === "UNAVAILABLE") {
      logger.error({ ...details, error: redactError(cause) }, "A request failed.");
    } else {
      logger.debug(details, "A request was refused.");
    }
    return new GraphQLError(message, {
      nodes: error.nodes,
      source: error.source,
      positions: error.positions,
      path: error.path,
      extensions: { code, requestId: request?.requestId },
    });
  };
}
