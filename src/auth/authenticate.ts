import { AppError } from "../errors/AppError.ts";
import { assertApiVersion } from "../versions/apiVersion.ts";
import type { Claims } from "./claims.ts";
import type { Client } from "./clientHash.ts";
import { type PgSettings, pgSettings } from "./pgSettings.ts";
import type { RecognizePerson } from "./recognizePerson.ts";
import { parseRequestScope, type ReadHeader } from "./requestScope.ts";
import type { VerifyToken } from "./verifyToken.ts";

/** Who asks, as the database will be told. */
export interface Identity {
  /** Null for a request without a token. */
  claims: Claims | null;
  settings: PgSettings;
  origin: RequestOrigin;
}

/** What is known of where a request comes from, and its id for the audit. */
export interface RequestOrigin {
  requestId: string;
  client: Client | null;
}

export type Authenticate = (read: ReadHeader, origin: RequestOrigin) => Promise<Identity>;

const BEARER_PATTERN = /^Bearer ([^\s,]+)$/i;

/**
 * Builds the function that turns headers (or a websocket's connection parameters) into an identity. Only a token that
 * verifies may lead to the database, and only when an outside issuer says something new in it. Throws UNAUTHENTICATED for
 * one that does not verify, FORBIDDEN where its subject is nobody here, BAD_REQUEST for malformed headers, and NOT_ACCEPTABLE
 * for a version of the API that is not spoken; a request without Authorization is anonymous.
 */
export function makeAuthenticate(verifyToken: VerifyToken, recognize: RecognizePerson): Authenticate {
  return async (read, origin) => {
    assertApiVersion(read);
    const scope = parseRequestScope(read);
    const token = parseBearer(read("authorization"));
    const claims = token === null ? null : await recognize(await verifyToken(token), origin.requestId);
    return { claims, settings: pgSettings(claims, scope, origin.requestId, origin.client), origin };
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
