import { randomUUID } from "node:crypto";

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
