import type Stripe from "stripe";

import { isUuid } from "../auth/claims.ts";
import { AppError } from "../errors/AppError.ts";
import type { VerifyWebhook, WebhookEvent } from "./WebhookEvent.ts";

/** Seconds; Stripe's own default. Older deliveries are replays. */
const TOLERANCE = 300;
const RANKS = {
  "customer.subscription.created": 0,
  "customer.subscription.updated": 1,
  "customer.subscription.paused": 1,
  "customer.subscription.resumed": 1,
  "customer.subscription.deleted": 2,
} as const;

/** Any of the secrets will do, so that one can be replaced without losing a delivery. */
export async function makeVerifyStripe(secrets: readonly string[]): Promise<VerifyWebhook> {
  // Only where it is configured: the library is large, and every start would wait for it.
  const { default: StripeLibrary } = await import("stripe");
  const { errors, webhooks } = StripeLibrary;
  const verify = (body: Buffer, signature: string, secret: string): Stripe.Event | null => {
    try {
      return webhooks.constructEvent(body, signature, secret, TOLERANCE);
    } catch (error) {
      // Whatever else goes wrong is a mistake of ours or of Stripe's, and no stranger's.
      if (error instanceof errors.StripeSignatureVerificationError) {
        return null;
      }
      throw error;
    }
  };
  return (body, header) => {
    const signature = header("stripe-signature") ?? "";
    for (const secret of secrets) {
      const event = verify(body, signature, secret);
      if (event) {
        return { provider: "stripe", eventId: event.id, event: readEvent(event) };
      }
    }
    throw new AppError("BAD_REQUEST", "The signature is missing, wrong or older than five minutes.");
  };
}

function readEvent(event: Stripe.Event): WebhookEvent | null {
  switch (event.type) {
    case "customer.subscription.created":
    case "customer.subscription.updated":
    case "customer.subscription.paused":
    case "customer.subscription.resumed":
    case "customer.subscription.deleted":
      return readSubscription(event.data.object, event.created, RANKS[event.type]);
    case "checkout.session.completed":
      return readCheckout(event.data.object);
    default:
      return null;
  }
}

function readSubscription(subscription: Stripe.Subscription, at: number, rank: number): WebhookEvent {
  const item = subscription.items?.data?.[0];
  if (!item) {
    throw new AppError("BAD_REQUEST", "The subscription has no item.");
  }
  // Until API version 2025-03-31 the period was the subscription's, since then each item has its own.
  const period = item.current_period_start
    ? item
    : (subscription as unknown as { current_period_start?: number; current_period_end?: number });
  return {
    type: "subscription",
    subscriptionId: subscription.id,
    customerId: idOf(subscription.customer),
    organizationId: uuidOf(subscription.metadata?.organization_id),
    status: subscription.status,
    plan: item.price.metadata?.plan ?? item.price.lookup_key,
    seats: item.quantity ?? 1,
    periodStart: period.current_period_start ?? null,
    periodEnd: period.current_period_end ?? null,
    version: [subscription.created, at, rank],
  };
}

function readCheckout({
  customer,
  client_reference_id,
  metadata,
}: Stripe.Checkout.Session): WebhookEvent | null {
  const organizationId = uuidOf(client_reference_id) ?? uuidOf(metadata?.organization_id);
  return customer === null || organizationId === null
    ? null
    : { type: "customer", customerId: idOf(customer), organizationId };
}

function idOf(reference: string | { id: string }): string {
  return typeof reference === "string" ? reference : reference.id;
}

function uuidOf(value: string | null | undefined): string | null {
  return isUuid(value) ? value.toLowerCase() : null;
}
