import * as sqlStates from "./sqlStates.ts";

interface CatalogueEntry {
  /** HTTP status when the whole request is refused for this reason. */
  status: number;
  /** The sentence a client reads unless the error brings a more exact one of our own. */
  message: string;
  /** What a client developer can do about it. */
  advice: string;
}

/** Every `extensions.code` a client can meet. docs/error-codes.md says the same; a test compares the two. */
export const CATALOGUE = {
  UNAUTHENTICATED: {
    status: 401,
    message: "You need to be signed in, with a session that has not ended.",
    advice: "Log in or refresh the session, then send the new access token.",
  },
  INVALID_CREDENTIALS: {
    status: 401,
    message: "The e-mail address or the password is wrong.",
    advice: "Ask again. The answer is the same for an unknown address.",
  },
  SESSION_REVOKED: {
    status: 401,
    message: "This session has ended. Sign in again.",
    advice:
      "Log in again. A refresh token that was used twice ends its session: one of the two users stole it.",
  },
  FORBIDDEN: {
    status: 403,
    message: "You are not allowed to do this.",
    advice: "Ask an administrator of the clinic or organization for the role that may.",
  },
  SEAT_LIMIT: {
    status: 403,
    message: "The organization has no free seat left.",
    advice: "Deactivate a member or change the plan.",
  },
  NOT_FOUND: {
    status: 404,
    message: "There is no such record, or it is not yours.",
    advice: "Check the id and the active organization. Foreign and missing records answer alike.",
  },
  EXPIRED: {
    status: 410,
    message: "The code has expired.",
    advice: "Ask for a new invitation or code.",
  },
  CONFLICT: {
    status: 409,
    message: "The change conflicts with another one.",
    advice: "Read the current state, then decide whether to try again.",
  },
  ALREADY_EXISTS: {
    status: 409,
    message: "A record with this value exists already.",
    advice: "Use the existing record or choose another value.",
  },
  IDEMPOTENCY_CONFLICT: {
    status: 409,
    message: "This Idempotency-Key belongs to another request.",
    advice:
      "Repeat a request unchanged, after the first attempt has ended; use a new key for every other one.",
  },
  ANSWER_NOT_KEPT: {
    status: 409,
    message: "This was carried out before; its answer was too large to be kept.",
    advice: "Read the current state. A repetition under the same Idempotency-Key carries out nothing again.",
  },
  APPOINTMENT_OVERLAP: {
    status: 409,
    message: "The provider already has an appointment in that time slot.",
    advice: "Choose another time or provider.",
  },
  BAD_USER_INPUT: {
    status: 400,
    message: "A value is missing, malformed or out of range.",
    advice: "Compare the arguments and variables with the schema.",
  },
  BAD_QUERY: {
    status: 400,
    message: "The GraphQL document could not be read or does not fit the schema.",
    advice: "Read the message; it names the place in the document.",
  },
  QUERY_TOO_COMPLEX: {
    status: 400,
    message: "The GraphQL document asks for more than one request may.",
    advice: "Ask for smaller pages, fewer levels or fewer aliases; see docs/limits.md.",
  },
  UNKNOWN_DOCUMENT: {
    status: 400,
    message: "This server has no trusted document of that id.",
    advice:
      "Deploy the document's manifest first; where only trusted documents are served, every request names one.",
  },
  BAD_REQUEST: {
    status: 400,
    message: "The HTTP request is malformed.",
    advice: "Send POST with a JSON object `{ query, variables, operationName }` and well-formed headers.",
  },
  METHOD_NOT_ALLOWED: {
    status: 405,
    message: "This method is not accepted here.",
    advice: "Send mutations as POST, queries as POST or GET.",
  },
  NOT_ACCEPTABLE: {
    status: 406,
    message: "The answer cannot be given in a format or version the client accepts.",
    advice:
      "Accept `application/json` or `application/graphql-response+json`; ask for a version in `X-API-Version` that is spoken.",
  },
  PAYLOAD_TOO_LARGE: {
    status: 413,
    message: "The request body is larger than 100 kB.",
    advice: "Move values into fewer or smaller operations.",
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    message: "The body must be `application/json` in UTF-8, uncompressed.",
    advice: "Set the Content-Type header. Form bodies are refused because other sites can send them.",
  },
  TOO_MANY_REQUESTS: {
    status: 429,
    message: "You have asked for more than your share of this minute.",
    advice: "Wait for the seconds given in `Retry-After`; see docs/limits.md for what an operation costs.",
  },
  TIMEOUT: {
    status: 504,
    message: "The operation took too long and was stopped; nothing was changed.",
    advice: "Ask for less at once, or try again later.",
  },
  UNAVAILABLE: {
    status: 503,
    message: "The service is not available at the moment.",
    advice: "Try again after the seconds given in `Retry-After`. A change may or may not have happened.",
  },
  INTERNAL: {
    status: 500,
    message: "Something went wrong on the server.",
    advice: "Report the request id; the server's log holds the cause under it.",
  },
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof CATALOGUE;

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(CATALOGUE, value);
}

/**
 * Codes that our own SQL raises. Their text is written for clients and passes through, except NOT_FOUND's, which is
 * always the catalogue's so that a missing and a foreign record give the same bytes.
 */
export const CODE_BY_OWN_SQLSTATE: ReadonlyMap<string, ErrorCode> = new Map([
  [sqlStates.UNAUTHENTICATED, "UNAUTHENTICATED"],
  [sqlStates.DENIED, "FORBIDDEN"],
  [sqlStates.NOT_FOUND, "NOT_FOUND"],
  [sqlStates.CONFLICT, "CONFLICT"],
  [sqlStates.APPOINTMENT_OVERLAP, "APPOINTMENT_OVERLAP"],
  [sqlStates.BAD_INPUT, "BAD_USER_INPUT"],
  [sqlStates.INVALID_CREDENTIALS, "INVALID_CREDENTIALS"],
  [sqlStates.REFRESH_TOKEN_REUSED, "SESSION_REVOKED"],
  [sqlStates.EXPIRED, "EXPIRED"],
  [sqlStates.TAKEN, "ALREADY_EXISTS"],
  [sqlStates.SEAT_LIMIT, "SEAT_LIMIT"],
  [sqlStates.IDEMPOTENCY_CONFLICT, "IDEMPOTENCY_CONFLICT"],
  [sqlStates.TOO_MANY_ATTEMPTS, "TOO_MANY_REQUESTS"],
]);

/** Codes for what Postgres itself raises. Its text may hold values, so the catalogue's sentence replaces it. */
export const CODE_BY_POSTGRES_SQLSTATE: ReadonlyMap<string, ErrorCode> = new Map([
  [sqlStates.RESTRICT_VIOLATION, "CONFLICT"],
  [sqlStates.NOT_NULL_VIOLATION, "BAD_USER_INPUT"],
  [sqlStates.FOREIGN_KEY_VIOLATION, "NOT_FOUND"],
  [sqlStates.UNIQUE_VIOLATION, "ALREADY_EXISTS"],
  [sqlStates.CHECK_VIOLATION, "BAD_USER_INPUT"],
  [sqlStates.EXCLUSION_VIOLATION, "CONFLICT"],
  [sqlStates.SERIALIZATION_FAILURE, "CONFLICT"],
  [sqlStates.DEADLOCK_DETECTED, "CONFLICT"],
  [sqlStates.INSUFFICIENT_PRIVILEGE, "FORBIDDEN"],
  [sqlStates.TOO_MANY_CONNECTIONS, "UNAVAILABLE"],
  [sqlStates.LOCK_NOT_AVAILABLE, "TIMEOUT"],
  [sqlStates.QUERY_CANCELED, "TIMEOUT"],
  [sqlStates.IDLE_IN_TRANSACTION_TIMEOUT, "TIMEOUT"],
]);
