import { randomUUID } from "node:crypto";

import type { RequestHandler } from "express";

import { makeRequestContext, runInRequestContext } from "./requestContext.ts";

const REQUEST_ID_PATTERN = /^[A-Za-z0-9._-]{1,64}$/;

/** The caller's request id if it is one word of at most 64 harmless characters, else a new one. */
export function acceptRequestId(value: unknown): string {
  return typeof value === "string" && REQUEST_ID_PATTERN.test(value) ? value : randomUUID();
}

/** Gives every request an id, sends it back, and opens the context in which the rest of the request runs. */
export const identifyRequest: RequestHandler = (request, response, next) => {
  const requestId = acceptRequestId(request.headers["x-request-id"]);
  response.setHeader("X-Request-Id", requestId);
  const departure = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) {
      departure.abort();
    }
  });
  runInRequestContext(makeRequestContext(requestId, departure.signal), next);
};
