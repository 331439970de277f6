import type { ErrorRequestHandler, RequestHandler, Response } from "express";
import type { Logger } from "pino";

import { AppError } from "../errors/AppError.ts";
import type { ErrorCode } from "../errors/catalogue.ts";
import { redactError } from "../errors/redactError.ts";
import { ENCODING_ERROR } from "./graphqlRequest.ts";
import { currentRequestContext } from "./requestContext.ts";

const RETRY_AFTER_SECONDS = 5;
/** What the body reader says (`error.type`) → our code. */
const CODE_BY_BODY_ERROR: Readonly<Record<string, ErrorCode>> = {
  "entity.too.large": "PAYLOAD_TOO_LARGE",
  "encoding.unsupported": "UNSUPPORTED_MEDIA_TYPE",
  "charset.unsupported": "UNSUPPORTED_MEDIA_TYPE",
  "entity.parse.failed": "BAD_REQUEST",
  [ENCODING_ERROR]: "BAD_REQUEST",
  "request.aborted": "BAD_REQUEST",
  "request.size.invalid": "BAD_REQUEST",
};

/** Answers a request that was refused before it became a GraphQL operation, in the shape of GraphQL errors. */
export function makeRefuseRequest(logger: Logger): ErrorRequestHandler {
  return (error, _request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    sendRefusal(response, asAppError(error, logger));
  };
}

export const refuseUnknownPath: RequestHandler = (_request, response) => {
  sendRefusal(
    response,
    new AppError("NOT_FOUND", "There is nothing at this address. The API is at /graphql."),
  );
};

function sendRefusal(response: Response, error: AppError): void {
  if (error.code === "UNAUTHENTICATED") {
    response.setHeader("WWW-Authenticate", "Bearer");
  }
  if (error.code === "UNAVAILABLE" || error.code === "TOO_MANY_REQUESTS") {
    response.setHeader("Retry-After", error.retryAfter ?? RETRY_AFTER_SECONDS);
  }
  const { code, message } = error;
  const context = currentRequestContext();
  context?.errorCodes.add(code);
  for (const [name, value] of Object.entries(context?.headers ?? {})) {
    response.setHeader(name, value);
  }
  const requestId = context?.requestId ?? response.getHeader("X-Request-Id");
  response.status(error.status).json({ errors: [{ message, extensions: { code, requestId } }] });
}

function asAppError(error: unknown, logger: Logger): AppError {
  if (error instanceof AppError) {
    return error;
  }
  const type = (error as { type?: unknown }).type;
  const code = typeof type === "string" ? CODE_BY_BODY_ERROR[type] : undefined;
  if (code) {
    return new AppError(code);
  }
  const requestId = currentRequestContext()?.requestId;
  logger.error({ code: "INTERNAL", requestId, error: redactError(error) }, "A request failed.");
  return new AppError("INTERNAL");
}
