import jwt from "jsonwebtoken";

import type { AuthConfig } from "../config.ts";

export interface TokenSubject {
  /** uuid of app_public.users */
  userId: string;
  /** uuid of app_private.auth_sessions */
  sessionId: string;
}

/** Access tokens are short: whoever holds a refresh token gets the next one, and a revoked session none. */
const ACCESS_TOKEN_SECONDS = 15 * 60;

/** Signs an access token with the local secret. Throws when tokens come from an outside issuer. */
export function signToken(
  config: AuthConfig,
  { userId, sessionId }: TokenSubject,
  lifetimeSeconds: number = ACCESS_TOKEN_SECONDS,
): string {
  if (!config.jwtSecret) {
    throw new Error(
      "This gateway cannot sign tokens: JWT_SECRET is not set, they come from JWKS_URI's issuer.",
    );
  }
  return jwt.sign({ sid: sessionId }, config.jwtSecret, {
    algorithm: "HS256",
    subject: userId,
    issuer: config.issuer,
    audience: config.audience,
    expiresIn: lifetimeSeconds,
  });
}
