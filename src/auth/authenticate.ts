import { AppError } from "../errors/AppError.ts";
import { type Claims } from "./claims.ts";
import { type PgSettings, pgSettings } from "./pgSettings.ts";
import { parseRequestScope, type ReadHeader } from "./requestScope.ts";
import type { VerifyToken } from "./verifyToken.ts";

/** Who asks, as the database will be told. */
export interface Identity {
  /** Null for a request without a token. */
  claims: Claims | null;
  settings: PgSettings;
}

export type Authenticate = (read: ReadHeader, requestId: string) => Promise<Identity>;

const BEARER_PATTERN = /^Bearer ([^\s,]+)$/i;

/**
 * Builds the function that turns headers (or a websocket's connection parameters) into an identity, without touching
 * the database. Throws UNAUTHENTICATED for a token that does not verify and BAD_REQUEST for malformed headers; a
 * request without Authorization is anonymous.
 */
export function makeAuthenticate(verifyToken: VerifyToken): Authenticate {
  return async (read, requestId) => {
    const scope = parseRequestScope(read);
    const token = parseBearer(read("authorization"));
    const claims = token === null ? null : await verifyToken(token);
    return { claims, settings: pgSettings(claims, scope, requestId) };
  };
}

function parseBearer(authorization: unknown): string | null {
  if (authorization === undefined) {
    return null;
  }
  if (typeof authorization !== "string") {
    throw new AppError("BAD_REQUEST", "Authorization must be given once.");
  }
  const token = BEARER_PATTERN.exec(authorization)?.[1];
  if (token === undefined) {
    throw new AppError("UNAUTHENTICATED", "Authorization must be 'Bearer' followed by one access token.");
  }
  return token;
}
