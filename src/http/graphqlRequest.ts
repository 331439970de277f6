import express, { type RequestHandler } from "express";

import { AppError } from "../errors/AppError.ts";

const JSON_TYPE = "application/json";
const CONTENT_TYPE_PATTERN = /^application\/json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;
const ACCEPTABLE_TYPES = [JSON_TYPE, "application/graphql-response+json"];

/**
 * Refuses what is no GraphQL request before anything else looks at it. JSON is the only body: a form of another site
 * can send form bodies and plain text, but no JSON without asking first.
 */
export const assertGraphqlRequest: RequestHandler = (request, _response, next) => {
  if (request.method !== "POST") {
    throw new AppError("METHOD_NOT_ALLOWED");
  }
  if (!CONTENT_TYPE_PATTERN.test(request.headers["content-type"] ?? "")) {
    throw new AppError("UNSUPPORTED_MEDIA_TYPE");
  }
  if (!request.accepts(ACCEPTABLE_TYPES)) {
    throw new AppError("NOT_ACCEPTABLE");
  }
  next();
};

/** Reads the body, uncompressed JSON of at most `maximumBytes`. */
export function makeReadJsonBody(maximumBytes: number): RequestHandler {
  return express.json({ limit: maximumBytes, inflate: false, strict: true, type: JSON_TYPE });
}

/** Checks the members that every GraphQL request has, and that there is one of it: batches hide what they cost. */
export const assertGraphqlBody: RequestHandler = (request, _response, next) => {
  const body: unknown = request.body;
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new AppError("BAD_REQUEST", "The body must be one JSON object; batches are not accepted.");
  }
  const { query, variables, operationName, extensions } = body as Record<string, unknown>;
  if (typeof query !== "string") {
    throw new AppError("BAD_REQUEST", "'query' must be a text.");
  }
  if (!isObjectOrAbsent(variables) || !isObjectOrAbsent(extensions)) {
    throw new AppError("BAD_REQUEST", "'variables' and 'extensions', if given, must be JSON objects.");
  }
  if (operationName !== undefined && operationName !== null && typeof operationName !== "string") {
    throw new AppError("BAD_REQUEST", "'operationName', if given, must be a text.");
  }
  next();
};

function isObjectOrAbsent(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === "object" && !Array.isArray(value));
}
