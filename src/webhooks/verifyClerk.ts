import type { Webhook } from "svix";

import { identityFacts } from "../auth/identityFacts.ts";
import type { OutsideIssuer } from "../auth/outsideIssuers.ts";
import { AppError } from "../errors/AppError.ts";
import type { VerifyWebhook, WebhookEvent } from "./WebhookEvent.ts";

/** What is read of Clerk's user: https://clerk.com/docs/guides/development/webhooks/overview */
interface ClerkUser {
  id: string;
  first_name?: string | null;
  last_name?: string | null;
  primary_email_address_id?: string | null;
  email_addresses?: { id: string; email_address: string; verification?: { status: string } | null }[];
  /** Milliseconds. */
  updated_at?: number;
}

const HEADERS = ["svix-id", "svix-timestamp", "svix-signature"];

/** Clerk sends through Svix, whose library it names for this. Any of the secrets will do. */
export async function makeVerifyClerk(
  secrets: readonly string[],
  issuer: OutsideIssuer,
): Promise<VerifyWebhook> {
  const svix = await import("svix");
  const verifiers = secrets.map((secret) => new svix.Webhook(secret));
  return (body, header) => {
    const headers = Object.fromEntries(HEADERS.map((name) => [name, header(name) ?? ""]));
    if (!verifiers.some((verifier) => isSigned(verifier, body, headers))) {
      throw new AppError("BAD_REQUEST", "The signature is missing, wrong or older than five minutes.");
    }
    return { provider: "clerk", eventId: headers["svix-id"] ?? "", event: readEvent(body, issuer) };
  };
}

function isSigned(verifier: Webhook, body: Buffer, headers: Record<string, string>): boolean {
  try {
    verifier.verify(body, headers);
    return true;
  } catch {
    return false;
  }
}

function readEvent(body: Buffer, issuer: OutsideIssuer): WebhookEvent | null {
  const { type, data } = parseObject(body) as { type?: unknown; data?: ClerkUser };
  if (typeof type !== "string" || typeof data?.id !== "string") {
    throw new AppError("BAD_REQUEST", "The event names no type or no subject.");
  }
  if (type === "user.deleted") {
    return { type: "user_deleted", issuer: issuer.issuer, subject: data.id };
  }
  if (type !== "user.created" && type !== "user.updated") {
    return null;
  }
  const { id, first_name, last_name, primary_email_address_id, email_addresses = [], updated_at } = data;
  const primary = email_addresses.find((each) => each.id === primary_email_address_id);
  const claims = {
    email: primary?.email_address,
    email_verified: primary?.verification?.status === "verified",
    name: [first_name, last_name].filter(Boolean).join(" "),
  };
  // Without a time the event would be older than everything; Clerk always sends one.
  return { type: "user", facts: identityFacts(issuer, id, claims, (updated_at ?? 0) / 1000) };
}

function parseObject(body: Buffer): object {
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
