import "grafserv";

import { CATALOGUE, type ErrorCode } from "../src/errors/catalogue.ts";
import { currentRequestContext } from "../src/http/requestContext.ts";

/** Errors of single fields leave the status at 200, except those about the whole request; the gravest comes first. */
const DECISIVE_CODES: readonly ErrorCode[] = [
  "UNAVAILABLE",
  "TOO_MANY_REQUESTS",
  "UNAUTHENTICATED",
  "SESSION_REVOKED",
  "IDEMPOTENCY_CONFLICT",
  "ANSWER_NOT_KEPT",
];
const RETRY_AFTER_SECONDS = 5;

/**
 * Load balancers and clients that never read the body must see that the database is away (503), the session over (401)
 * or the share used up (429), which GraphQL alone would answer with 200.
 */
export const HttpStatusPlugin: GraphileConfig.Plugin = {
  name: "HttpStatusPlugin",
  description:
    "Gives the HTTP status of errors that concern the whole request, and the headers of its context",
  version: "1.0.0",
  grafserv: {
    middleware: {
      async processRequest(next) {
        const result = await next();
        const context = currentRequestContext();
        if (!context || !result || (result.type !== "buffer" && result.type !== "json")) {
          return result;
        }
        const code = DECISIVE_CODES.find((candidate) => context.errorCodes.has(candidate)) ?? context.refusal;
        if (code) {
          result.statusCode = CATALOGUE[code].status;
        }
        if (code === "TOO_MANY_REQUESTS") {
          await context.awaitRefusal();
        }
        if (code === "UNAVAILABLE" || code === "TOO_MANY_REQUESTS") {
          result.headers["retry-after"] = String(context.retryAfter ?? RETRY_AFTER_SECONDS);
        }
        return { ...result, headers: { ...result.headers, ...context.headers } };
      },
    },
  },
};
