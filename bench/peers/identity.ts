import { createSecretKey, type KeyObject } from "node:crypto";

import jwt from "jsonwebtoken";

import { parseTokenClaims } from "../../src/auth/claims.ts";
import { type PgSettings, pgSettings } from "../../src/auth/pgSettings.ts";

const NO_SCOPE = { organizationId: null, clinicId: null, purposeOfUse: null };
const REQUEST_ID = "bench";

/** What the one who starts a peer says to it. */
export const { DATABASE_URL = "", JWT_SECRET = "", PORT = "0" } = process.env;

/** The secret as a key that is made once; those who are given the text make one for each token. */
export const SECRET_KEY = createSecretKey(Buffer.from(JWT_SECRET));

/**
 * The settings of a request, from its HS256 token: the same for every peer, and the same that the gateway sets.
 *
 * @throws when it does not verify.
 */
export function settingsOf(authorization: string | undefined, key: string | KeyObject): PgSettings {
  if (authorization === undefined) {
    return pgSettings(null, NO_SCOPE, REQUEST_ID);
  }
  const payload = jwt.verify(authorization.slice("Bearer ".length), key, {
    algorithms: ["HS256"],
    issuer: "bailiwick",
    audience: "bailiwick",
  });
  const claims = parseTokenClaims(payload, { outside: null, now: Math.floor(Date.now() / 1000) });
  if (!("userId" in claims)) {
    throw new Error("The token is not one of the gateway's own.");
  }
  return pgSettings(claims, NO_SCOPE, REQUEST_ID);
}
