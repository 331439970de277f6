import type { KeyObject } from "node:crypto";

import { LRU } from "@graphile/lru";
import jwt from "jsonwebtoken";

import type { AuthConfig } from "../config.ts";
import { AppError } from "../errors/AppError.ts";
import { parseTokenClaims, type TokenClaims } from "./claims.ts";
import { makeTrustedIssuers, type VerificationParts } from "./signingKeys.ts";

/** Verifies an access token. Throws UNAUTHENTICATED, or UNAVAILABLE when the issuer's keys cannot be had. */
export type VerifyToken = (token: string) => Promise<TokenClaims>;

/** What an untrusted token says of itself, which decides against which keys it is held. */
interface TokenHead {
  alg: string;
  kid: string | undefined;
  issuer: string;
}

/** A token whose signature, issuer and audience were found right under this key. */
interface Verified {
  head: TokenHead;
  key: KeyObject;
  payload: jwt.JwtPayload;
}

/** Tokens that are remembered, the latest used. */
const REMEMBERED = 2000;
const MAXIMUM_TOKEN_BYTES = 8192;
const CLOCK_SKEW_SECONDS = 30;
const BASE64URL_PATTERN = /^[A-Za-z0-9_-]+$/;
const TYPES = ["jwt", "at+jwt"];
/** Headers with which a token would bring its own key, or that change how it must be read. */
const REFUSED_HEADERS = ["crit", "jku", "jwk", "x5u", "x5c", "b64", "zip"];

/**
 * A token that has verified is remembered, so that its next request does not verify it anew, which takes longer than all
 * else of its authentication: as long as its issuer still has the very key. Its time is asked each time; whether its session
 * has ended is asked elsewhere (recognizePerson.ts, accessChanges.ts).
 */
export function makeVerifyToken(config: AuthConfig, parts: VerificationParts = {}): VerifyToken {
  const { now = Date.now } = parts;
  const issuers = makeTrustedIssuers(config, parts);
  const verified = new LRU<string, Verified>({ maxLength: REMEMBERED });
  return async (token) => {
    const known = verified.get(token);
    const head = known?.head ?? parseHead(token);
    const trusted = issuers.get(head.issuer);
    if (!trusted) {
      throw refuse("its issuer is unknown");
    }
    const found = await trusted.findKey(head.kid);
    if (!found) {
      throw refuse("its key is unknown");
    }
    if (found.algorithm !== head.alg || trusted.outside?.algorithms.includes(found.algorithm) === false) {
      throw refuse("its algorithm is not the one of its key");
    }
    const seconds = Math.floor(now() / 1000);
    if (known?.key === found.key && isInTime(known.payload, seconds)) {
      return parseTokenClaims(known.payload, { outside: trusted.outside, now: seconds });
    }
    const payload = asRefusal(() =>
      jwt.verify(token, found.key, {
        algorithms: [found.algorithm],
        issuer: head.issuer,
        audience: trusted.audience === null ? undefined : (trusted.audience as [string, ...string[]]),
        clockTolerance: CLOCK_SKEW_SECONDS,
        clockTimestamp: seconds,
      }),
    );
    const claims = parseTokenClaims(payload, { outside: trusted.outside, now: seconds });
    verified.set(token, { head, key: found.key, payload: payload as jwt.JwtPayload });
    return claims;
  };
}

/** As the library has it; what is not in time goes to the library, which says why. */
function isInTime({ exp, nbf }: jwt.JwtPayload, seconds: number): boolean {
  return (
    exp !== undefined &&
    seconds < exp + CLOCK_SKEW_SECONDS &&
    (nbf === undefined || nbf <= seconds + CLOCK_SKEW_SECONDS)
  );
}

/** Runs the library's verification; its errors become ours. */
function asRefusal(verify: () => unknown): unknown {
  try {
    return verify();
  } catch (error) {
    throw error instanceof jwt.TokenExpiredError ? refuse("it has expired") : refuse("it is not valid");
  }
}

/** Reads the head of an untrusted token, refusing everything a token of ours or of an honest issuer never has. */
function parseHead(token: string): TokenHead {
  if (Buffer.byteLength(token) > MAXIMUM_TOKEN_BYTES) {
    throw refuse(`it is longer than ${MAXIMUM_TOKEN_BYTES} bytes`);
  }
  const parts = token.split(".");
  if (parts.length !== 3 || !parts.every(isCanonicalBase64Url)) {
    throw refuse("it is not a signed JSON web token");
  }
  const header = parseJsonObject(parts[0] ?? "");
  if (!header || typeof header.alg !== "string") {
    throw refuse("its header cannot be read");
  }
  if (REFUSED_HEADERS.some((name) => name in header)) {
    throw refuse("its header brings its own key or an extension");
  }
  const { typ, kid } = header;
  if (typ !== undefined && !(typeof typ === "string" && TYPES.includes(typ.toLowerCase()))) {
    throw refuse("it is not an access token");
  }
  if (kid !== undefined && typeof kid !== "string") {
    throw refuse("its key id is not a text");
  }
  const issuer = parseJsonObject(parts[1] ?? "")?.iss;
  if (typeof issuer !== "string") {
    throw refuse("it names no issuer");
  }
  return { alg: header.alg, kid, issuer };
}

/** One byte string has one spelling: no padding, no other alphabet, no stray bits at the end. */
function isCanonicalBase64Url(part: string): boolean {
  return BASE64URL_PATTERN.test(part) && Buffer.from(part, "base64url").toString("base64url") === part;
}

function parseJsonObject(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function refuse(reason: string): AppError {
  return new AppError("UNAUTHENTICATED", `The access token was not accepted: ${reason}.`);
}
