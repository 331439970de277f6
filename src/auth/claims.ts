import { AppError } from "../errors/AppError.ts";

/** What a verified token says: who asks, and in which session. What they may do is looked up in the database. */
export interface Claims {
  userId: string;
  /** Null only for tokens of an outside issuer, which keeps its own sessions. */
  sessionId: string | null;
  organizationId: string | null;
  clinicId: string | null;
  /** Seconds since 1970. */
  expiresAt: number;
}

const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** The roles a token may name without meaning anything by it; Supabase always sends "authenticated". */
const HARMLESS_ROLES: readonly unknown[] = ["authenticated", "app_user"];
const DAY_SECONDS = 24 * 60 * 60;

export function isUuid(value: unknown): value is string {
  return typeof value === "string" && UUID_PATTERN.test(value);
}

/**
 * Turns the payload of a token whose signature, issuer, audience and expiry were verified into Claims.
 * Throws UNAUTHENTICATED for anything malformed. `isLocal`: whether this gateway signed it; `now` is in seconds.
 */
export function parseClaims(payload: unknown, options: { isLocal: boolean; now: number }): Claims {
  if (typeof payload !== "object" || payload === null || Array.isArray(payload)) {
    throw refuse("its payload is not an object");
  }
  const claims = payload as Record<string, unknown>;
  if (!isUuid(claims.sub)) {
    throw refuse("'sub' must be a uuid");
  }
  const { exp } = claims;
  // No session lives for more than a day between refreshes; a larger number is a mistake of the issuer or a forgery.
  if (typeof exp !== "number" || !Number.isSafeInteger(exp) || exp > options.now + DAY_SECONDS) {
    throw refuse("'exp' must be a whole number of seconds, at most a day ahead");
  }
  if (claims.role !== undefined && !HARMLESS_ROLES.includes(claims.role)) {
    throw refuse("'role' is not one a token may name");
  }
  // An outside issuer's `sid` names a session of its own, which our tables know nothing of.
  const sessionId = options.isLocal ? optionalUuid(claims, "sid") : null;
  if (options.isLocal && sessionId === null) {
    throw refuse("'sid' must be a uuid");
  }
  return {
    userId: claims.sub.toLowerCase(),
    sessionId,
    organizationId: optionalUuid(claims, "org_id"),
    clinicId: optionalUuid(claims, "clinic_id"),
    expiresAt: exp,
  };
}

function optionalUuid(claims: Record<string, unknown>, name: string): string | null {
  const value = claims[name];
  if (value === undefined || value === null) {
    return null;
  }
  if (!isUuid(value)) {
    throw refuse(`'${name}' must be a uuid`);
  }
  return value.toLowerCase();
}

function refuse(reason: string): AppError {
  return new AppError("UNAUTHENTICATED", `The access token was not accepted: ${reason}.`);
}
