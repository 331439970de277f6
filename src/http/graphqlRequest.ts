import { isUtf8 } from "node:buffer";

import express, { type RequestHandler } from "express";

import type { TrustedDocuments } from "../documents/TrustedDocuments.ts";
import { AppError } from "../errors/AppError.ts";
import { API_VERSION, API_VERSION_HEADER } from "../versions/apiVersion.ts";
import { assertMethod } from "./assertMethod.ts";
import { currentRequestContext } from "./requestContext.ts";

const JSON_TYPE = "application/json";
const GRAPHQL_TYPE = "application/graphql-response+json";
const CONTENT_TYPE_PATTERN = /^application\/json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;
/** A client that accepts anything, or does not say. */
const ANY_TYPE_PATTERN = /^\s*\*\/\*\s*(?:;.*)?$/;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
/** What `makeReadJsonBody` calls a body that is no UTF-8, beside the types of errors of the body reader itself. */
export const ENCODING_ERROR = "entity.encoding.invalid";
/** https://graphql.github.io/graphql-over-http/draft/#sec-GET, and the names of documents (TrustedDocuments). */
const ADDRESS_MEMBERS = ["query", "documentId", "id", "doc_id", "operationName", "variables", "extensions"];
const JSON_MEMBERS: ReadonlySet<string> = new Set(["variables", "extensions"]);
const IDEMPOTENCY_KEY_PATTERN = /^[\x21-\x7e]{16,128}$/;

/**
 * Refuses what is no GraphQL request before anything else looks at it. JSON is the only body: a form of another site
 * can send form bodies and plain text, but no JSON without asking first. What it can make a browser GET is a query of
 * nobody, since a token is no cookie, and it may not read the answer.
 */
export const assertGraphqlRequest: RequestHandler = (request, response, next) => {
  response.setHeader(API_VERSION_HEADER, API_VERSION);
  assertMethod(request, response, ["GET", "POST"]);
  if (request.method !== "GET" && !CONTENT_TYPE_PATTERN.test(request.headers["content-type"] ?? "")) {
    throw new AppError("UNSUPPORTED_MEDIA_TYPE");
  }
  if (!request.accepts([JSON_TYPE, GRAPHQL_TYPE])) {
    throw new AppError("NOT_ACCEPTABLE");
  }
  const context = currentRequestContext();
  if (context && ANY_TYPE_PATTERN.test(request.headers.accept ?? "*/*")) {
    // Served as to clients that know the newer type, whose statuses say more, and labelled as what everybody can read.
    request.headers.accept = GRAPHQL_TYPE;
    context.headers["content-type"] = "application/json; charset=utf-8";
  }
  next();
};

/**
 * What reads a GraphQL request, once it is known who sends it; one that came by GET is what a POST would be from then on,
 * but for its context. `maximumBytes`: of the body.
 */
export function makeReadGraphqlRequest(documents: TrustedDocuments, maximumBytes: number): RequestHandler[] {
  return [readIdempotencyKey, makeReadJsonBody(maximumBytes), readAddress, makeReadGraphqlBody(documents)];
}

/** Reads the body, uncompressed JSON of at most `maximumBytes`. */
function makeReadJsonBody(maximumBytes: number): RequestHandler {
  return express.json({
    limit: maximumBytes,
    inflate: false,
    strict: true,
    type: JSON_TYPE,
    verify: (_request, _response, body) => {
      if (!isUtf8(body) || body.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK)) {
        // The body reader wants to write a status on what is thrown here; refusals.ts knows the type.
        throw Object.assign(new Error("not UTF-8"), { type: ENCODING_ERROR });
      }
    },
  });
}

/** Reads the address of a GET as GraphQL over HTTP writes it; other names there (a token), and a body, mean nothing. */
const readAddress: RequestHandler = (request, _response, next) => {
  const context = currentRequestContext();
  if (request.method === "GET" && context) {
    const { searchParams } = new URL(request.originalUrl, "http://localhost");
    request.body = Object.fromEntries(ADDRESS_MEMBERS.map((name) => [name, readMember(searchParams, name)]));
    request.method = "POST";
    request.headers["content-type"] = JSON_TYPE;
    context.isReadOnly = true;
  }
  next();
};

function readMember(address: URLSearchParams, name: string): unknown {
  const values = address.getAll(name);
  if (values.length > 1) {
    throw new AppError("BAD_REQUEST", `'${name}' may stand in the address once.`);
  }
  const [value] = values;
  if (value === undefined || !JSON_MEMBERS.has(name)) {
    return value;
  }
  try {
    return JSON.parse(value);
  } catch {
    throw new AppError("BAD_REQUEST", `'${name}' in the address must be JSON.`);
  }
}

/**
 * Checks the members that every GraphQL request has, and that there is one of it: batches hide what they cost. The
 * document that an id names takes the place of `query`.
 */
function makeReadGraphqlBody(documents: TrustedDocuments): RequestHandler {
  return (request, _response, next) => {
    const body: unknown = request.body;
    if (typeof body !== "object" || body === null || Array.isArray(body)) {
      throw new AppError("BAD_REQUEST", "The body must be one JSON object; batches are not accepted.");
    }
    const { variables, operationName, extensions } = body as Record<string, unknown>;
    if (!isObjectOrAbsent(variables) || !isObjectOrAbsent(extensions)) {
      throw new AppError("BAD_REQUEST", "'variables' and 'extensions', if given, must be JSON objects.");
    }
    if (operationName !== undefined && operationName !== null && typeof operationName !== "string") {
      throw new AppError("BAD_REQUEST", "'operationName', if given, must be a text.");
    }
    request.body = { ...documents.toPayload(body), variables, operationName, extensions };
    next();
  };
}

/** Reads `Idempotency-Key`, which only somebody signed in can use: the answer is kept for that person. */
const readIdempotencyKey: RequestHandler = (request, _response, next) => {
  const values = request.headersDistinct["idempotency-key"];
  const context = currentRequestContext();
  if (values && context) {
    const [key = ""] = values;
    if (values.length > 1 || !IDEMPOTENCY_KEY_PATTERN.test(key)) {
      throw new AppError(
        "BAD_REQUEST",
        "Idempotency-Key must be given once: 16 to 128 visible ASCII characters, best a random uuid.",
      );
    }
    if (context.anonymous) {
      throw new AppError("UNAUTHENTICATED", "Idempotency-Key needs an access token.");
    }
    context.idempotencyKey = key;
  }
  next();
};

function isObjectOrAbsent(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === "object" && !Array.isArray(value));
}
