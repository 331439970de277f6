import cors from "cors";
import type { RequestHandler } from "express";

const ALLOWED_HEADERS = [
  "Authorization",
  "Content-Type",
  "Idempotency-Key",
  "X-API-Version",
  "X-Clinic-Id",
  "X-Database-Position",
  "X-Organization-Id",
  "X-Purpose-Of-Use",
  "X-Request-Id",
];
const EXPOSED_HEADERS = [
  "Deprecation",
  "Idempotent-Replayed",
  "RateLimit-Limit",
  "RateLimit-Policy",
  "RateLimit-Remaining",
  "RateLimit-Reset",
  "Retry-After",
  "Sunset",
  "X-API-Version",
  "X-Database-Position",
  "X-Request-Id",
  "X-Schema-Version",
];
/** Seconds for which a browser remembers the answer to its question. */
const MAXIMUM_AGE = 600;

/**
 * Lets pages of the listed origins use the API; every other origin gets what it would get without CORS. Cookies are not
 * allowed: whoever asks says so in a header, which no foreign page can send by itself.
 */
export function makeAllowOrigins(origins: readonly string[]): RequestHandler {
  const allow = cors({
    origin: [...origins],
    methods: ["GET", "POST"],
    allowedHeaders: ALLOWED_HEADERS,
    exposedHeaders: EXPOSED_HEADERS,
    maxAge: MAXIMUM_AGE,
  });
  return (request, response, next) => {
    response.vary("Origin");
    if (origins.includes(request.headers.origin ?? "")) {
      allow(request, response, next);
    } else {
      next();
    }
  };
}
