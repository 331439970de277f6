import type { OutsideIssuer } from "./outsideIssuers.ts";

/** What an outside issuer says of somebody; the argument of `app_private.apply_identity`. */
export interface IdentityFacts {
  issuer: string;
  subject: string;
  kind: OutsideIssuer["kind"];
  /** As of when, in seconds since 1970. */
  at: number;
  email: string | null;
  emailVerified: boolean;
  name: string | null;
  createsUsers: boolean;
  linksVerifiedEmails: boolean;
}

// Postgres refuses NUL, and a lone half of a surrogate pair is no text at all.
const UNSTORABLE = /[\p{Cc}\p{Cs}]/gu;
const MAXIMUM_LENGTH = 254;

/**
 * Reads what a verified token, or the same claims put together from a webhook, says of its subject: the standard claims of
 * OpenID Connect, and Supabase's name in `user_metadata`. That is written by the person, so nothing else of it counts.
 */
export function identityFacts(
  { kind, issuer, createsUsers, emailsAreVerified, linksVerifiedEmails }: OutsideIssuer,
  subject: string,
  claims: Record<string, unknown>,
  at: number,
): IdentityFacts {
  const email = textOf(claims.email);
  const metadata = kind === "supabase" ? recordOf(claims.user_metadata) : {};
  const isVerified = claims.email_verified === undefined ? emailsAreVerified : claims.email_verified === true;
  return {
    issuer,
    subject,
    kind,
    at,
    email,
    emailVerified: email !== null && isVerified,
    name: textOf(claims.name) ?? textOf(metadata.full_name) ?? textOf(metadata.name),
    createsUsers,
    linksVerifiedEmails,
  };
}

function textOf(value: unknown): string | null {
  const text = typeof value === "string" ? value.replaceAll(UNSTORABLE, "").trim() : "";
  return text === "" ? null : text.slice(0, MAXIMUM_LENGTH);
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
