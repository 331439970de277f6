import { AppError } from "../errors/AppError.ts";
import { type IdentityFacts, identityFacts } from "./identityFacts.ts";
import type { OutsideIssuer } from "./outsideIssuers.ts";

/** What a verified token says: who asks, and in which session. What they may do is looked up in the database. */
interface CommonClaims {
  organizationId: string | null;
  clinicId: string | null;
  /** Seconds since 1970. */
  expiresAt: number;
}

/** Who asks, as a user of ours. */
export interface Claims extends CommonClaims {
  userId: string;
  /** Null only for tokens of an outside issuer, which keeps its own sessions. */
  sessionId: string | null;
  /** As whom an outside issuer vouches for the user; each statement looks whether that still holds. */
  identity?: { issuer: string; subject: string };
}

/** A token of ours names user and session; one of somebody else's a subject, of whom we may never have heard. */
export type TokenClaims = Claims | OutsideClaims;

export interface OutsideClaims extends CommonClaims {
  facts: IdentityFacts;
}

const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** The roles a token may name without meaning anything by it; Supabase always sends "authenticated". */
const HARMLESS_ROLES: readonly unknown[] = ["authenticated", "app_user"];
/** Clerk names its own organizations, which are not ours. */
const CLERK_ORGANIZATION_PATTERN = /^org_[A-Za-z0-9]+$/;
// No control characters: a subject stands in logs of the database, and NUL in no text of it.
const SUBJECT_PATTERN = /^[^\p{Cc}\p{Cs}]{1,255}$/u;
const DAY_SECONDS = 24 * 60 * 60;

export function isUuid(value: unknown): value is string {
  return typeof value === "string" && UUID_PATTERN.test(value);
}

/**
 * Turns the payload of a token whose signature, issuer, audience and expiry were verified into claims.
 * Throws UNAUTHENTICATED for anything malformed, and FORBIDDEN for a role. `outside`: who signed it, null for this gateway; `now` is in seconds.
 */
export function parseTokenClaims(
  payload: unknown,
  { outside, now }: { outside: OutsideIssuer | null; now: number },
): TokenClaims {
  if (typeof payload !== "object" || payload === null || Array.isArray(payload)) {
    throw refuse("its payload is not an object");
  }
  const claims = payload as Record<string, unknown>;
  const { exp } = claims;
  // No session lives for more than a day between refreshes; a larger number is a mistake of the issuer or a forgery.
  if (typeof exp !== "number" || !Number.isSafeInteger(exp) || exp > now + DAY_SECONDS) {
    throw refuse("'exp' must be a whole number of seconds, at most a day ahead");
  }
  assertHarmlessRole(claims.role);
  const isClerksOwn = outside?.kind === "clerk" && CLERK_ORGANIZATION_PATTERN.test(String(claims.org_id));
  const common: CommonClaims = {
    organizationId: isClerksOwn ? null : optionalUuid(claims, "org_id"),
    clinicId: optionalUuid(claims, "clinic_id"),
    expiresAt: exp,
  };
  return outside === null ? parseOwn(claims, common) : parseOutside(claims, common, outside, now);
}

/** A token that wants to be somebody in the database is right in form, and not allowed. */
function assertHarmlessRole(role: unknown): void {
  if (role === undefined || HARMLESS_ROLES.includes(role)) {
    return;
  }
  if (typeof role === "string" && role !== "") {
    throw new AppError("FORBIDDEN", "The access token names a role that no token may have.");
  }
  throw refuse("'role' is not one a token may name");
}

function parseOwn(claims: Record<string, unknown>, common: CommonClaims): Claims {
  const sessionId = optionalUuid(claims, "sid");
  if (!isUuid(claims.sub) || sessionId === null) {
    throw refuse("'sub' and 'sid' must be uuids");
  }
  return { userId: claims.sub.toLowerCase(), sessionId, ...common };
}

function parseOutside(
  claims: Record<string, unknown>,
  common: CommonClaims,
  outside: OutsideIssuer,
  now: number,
): OutsideClaims {
  const { sub, azp, iat } = claims;
  if (typeof sub !== "string" || !SUBJECT_PATTERN.test(sub)) {
    throw refuse("'sub' must be a text of at most 255 characters");
  }
  if (outside.authorizedParties && !outside.authorizedParties.some((party) => party === azp)) {
    throw refuse("'azp' is not an application that may send it");
  }
  const issuedAt = typeof iat === "number" && Number.isSafeInteger(iat) ? Math.min(iat, now) : now;
  return { facts: identityFacts(outside, sub, claims, issuedAt), ...common };
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
