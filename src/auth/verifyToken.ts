import jwt from "jsonwebtoken";

import type { AuthConfig } from "../config.ts";
import { AppError } from "../errors/AppError.ts";
import { type Claims, parseClaims } from "./claims.ts";
import { type FindKey, makeFindKey } from "./signingKeys.ts";

/** Verifies an access token. Throws UNAUTHENTICATED, or UNAVAILABLE when the issuer's keys cannot be had. */
export type VerifyToken = (token: string) => Promise<Claims>;

interface TokenHeader {
  alg: string;
  kid: string | undefined;
}

const MAXIMUM_TOKEN_BYTES = 8192;
const CLOCK_SKEW_SECONDS = 30;
const BASE64URL_PATTERN = /^[A-Za-z0-9_-]+$/;
const TYPES = ["jwt", "at+jwt"];
/** Headers with which a token would bring its own key, or that change how it must be read. */
const REFUSED_HEADERS = ["crit", "jku", "jwk", "x5u", "x5c", "b64", "zip"];

/** `findKey` and `now` (milliseconds) are for tests. */
export function makeVerifyToken(
  config: AuthConfig,
  { findKey, now = Date.now }: { findKey?: FindKey; now?: () => number } = {},
): VerifyToken {
  const keyFor = findKey ?? makeFindKey(config, now);
  return async (token) => {
    const header = parseHeader(token);
    const found = await keyFor(header.kid);
    if (!found) {
      throw refuse("its key is unknown");
    }
    if (found.algorithm !== header.alg) {
      throw refuse("its algorithm is not the one of its key");
    }
    const seconds = Math.floor(now() / 1000);
    const payload = asRefusal(() =>
      jwt.verify(token, found.key, {
        algorithms: [found.algorithm],
        issuer: config.issuer,
        audience: config.audience,
        clockTolerance: CLOCK_SKEW_SECONDS,
        clockTimestamp: seconds,
      }),
    );
    return parseClaims(payload, { isLocal: found.isLocal, now: seconds });
  };
}

/** Runs the library's verification; its errors become ours. */
function asRefusal(verify: () => unknown): unknown {
  try {
    return verify();
  } catch (error) {
    throw error instanceof jwt.TokenExpiredError ? refuse("it has expired") : refuse("it is not valid");
  }
}

/** Reads the header of an untrusted token, refusing everything a token of ours or of an honest issuer never has. */
function parseHeader(token: string): TokenHeader {
  if (Buffer.byteLength(token) > MAXIMUM_TOKEN_BYTES) {
    throw refuse(`it is longer than ${MAXIMUM_TOKEN_BYTES} bytes`);
  }
  const parts = token.split(".");
  if (parts.length !== 3 || !parts.every(isCanonicalBase64Url)) {
    throw refuse("it is not a signed JSON web token");
  }
  const header = parseJsonObject(Buffer.from(parts[0] ?? "", "base64url").toString("utf8"));
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
  return { alg: header.alg, kid };
}

/** One byte string has one spelling: no padding, no other alphabet, no stray bits at the end. */
function isCanonicalBase64Url(part: string): boolean {
  return BASE64URL_PATTERN.test(part) && Buffer.from(part, "base64url").toString("base64url") === part;
}

function parseJsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function refuse(reason: string): AppError {
  return new AppError("UNAUTHENTICATED", `The access token was not accepted: ${reason}.`);
}
