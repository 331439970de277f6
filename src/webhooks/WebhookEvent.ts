import type { IdentityFacts } from "../auth/identityFacts.ts";

/** What Stripe says of a subscription; no card, no address, no name. */
export interface SubscriptionState {
  type: "subscription";
  subscriptionId: string;
  customerId: string;
  /** The organization that whoever sold it named in the subscription's metadata, for its first event. */
  organizationId: string | null;
  status: string;
  plan: string | null;
  seats: number;
  /** Seconds since 1970. */
  periodStart: number | null;
  periodEnd: number | null;
  /** When it was made, when the event happened, and its kind: the greater is the newer. */
  version: readonly [number, number, number];
}

/** An organization has paid for the first time: the customer is its. */
export interface CustomerFound {
  type: "customer";
  customerId: string;
  organizationId: string;
}

/** Somebody was made or changed at the issuer. */
export interface UserChanged {
  type: "user";
  facts: IdentityFacts;
}

/** Somebody was deleted at the issuer. */
export interface UserDeleted {
  type: "user_deleted";
  issuer: string;
  subject: string;
}

/**
 * What is kept of an event until a job has applied it: as much as the job needs, and nothing else of what came. Stored as
 * JSON in app_private.webhook_events.
 */
export type WebhookEvent = SubscriptionState | CustomerFound | UserChanged | UserDeleted;

/** An event whose signature was verified. */
export interface ReceivedEvent {
  provider: "stripe" | "clerk";
  /** The provider's id of it, the same at every delivery. */
  eventId: string;
  /** Null for a kind that changes nothing here. */
  event: WebhookEvent | null;
}

/** Verifies the signature of a body as it came. Throws BAD_REQUEST for a wrong one, and for one that is too old. */
export type VerifyWebhook = (body: Buffer, header: (name: string) => string | undefined) => ReceivedEvent;
