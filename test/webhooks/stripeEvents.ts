import { randomUUID } from "node:crypto";

import Stripe from "stripe";

import type { TestGateway } from "../support/graphql.ts";

export const SECRET = "whsec_a_secret_for_tests";

/** Seconds since 1970 at which the first event of a test happens. */
export const NOW = Math.floor(Date.now() / 1000) - 1000;

interface Change {
  kind?: "created" | "updated" | "deleted";
  at?: number;
  made?: number;
  customer: string;
  subscription?: string;
  organizationId?: string;
  status?: string;
  plan?: string;
  seats?: number;
}

/** An event as Stripe sends it. */
export function subscriptionEvent({
  kind = "updated",
  at = NOW,
  made = NOW,
  customer,
  subscription = `sub_${customer}`,
  organizationId,
  status = "active",
  plan = "pro",
  seats = 30,
}: Change) {
  return {
    id: `evt_${randomUUID()}`,
    object: "event",
    type: `customer.subscription.${kind}`,
    created: at,
    data: {
      object: {
        id: subscription,
        object: "subscription",
        customer,
        created: made,
        status,
        metadata: organizationId ? { organization_id: organizationId } : {},
        items: {
          data: [
            {
              quantity: seats,
              current_period_start: NOW,
              current_period_end: NOW + 2_592_000,
              price: { lookup_key: plan, metadata: {} },
            },
          ],
        },
      },
    },
  };
}

export interface Delivery {
  secret?: string;
  timestamp?: number;
  headers?: Record<string, string>;
  method?: string;
}

/** Signs a body with Stripe's library, and sends it. */
export function deliverTo(
  { url }: TestGateway,
  event: object,
  { secret = SECRET, timestamp, headers, method = "POST" }: Delivery = {},
): Promise<Response> {
  const payload = JSON.stringify(event);
  const signature = Stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp });
  return fetch(`${url}/webhooks/stripe`, {
    method,
    headers: { "Content-Type": "application/json", "Stripe-Signature": signature, ...headers },
    body: method === "GET" ? undefined : payload,
  });
}
