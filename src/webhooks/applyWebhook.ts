import type { ClientBase } from "pg";

import { JobProblem } from "../jobs/JobProblem.ts";
import type { CustomerFound, SubscriptionState, WebhookEvent } from "./WebhookEvent.ts";

const ORGANIZATION_OF_CUSTOMER = "select app_hidden.organization_id_of_customer($1) as id";

/**
 * An organization pays as one customer for ever; what is older than the state we have changes nothing, nor does another
 * subscription whose first payment is still to come, or never came.
 */
const APPLY_SUBSCRIPTION = `\
update app_public.subscriptions s
set
  plan = $2::app_public.subscription_plan,
  status = $3::app_public.subscription_status,
  seats = $4,
  period_start = to_timestamp($5::double precision),
  period_end = to_timestamp($6::double precision),
  stripe_customer_id = $7,
  stripe_subscription_id = $8,
  stripe_version = $9::bigint[]
where s.organization_id = $1::uuid
and (s.stripe_customer_id is null or s.stripe_customer_id = $7)
and (s.stripe_version is null or s.stripe_version <= $9::bigint[])
and (
  s.stripe_subscription_id is null
  or s.stripe_subscription_id = $8
  or $3::app_public.subscription_status not in ('incomplete', 'incomplete_expired')
)`;

const KEEP_CUSTOMER = `\
update app_public.subscriptions s
set stripe_customer_id = $2
where s.organization_id = $1::uuid
and s.stripe_customer_id is null`;

const PLANS = ["starter", "pro", "enterprise"];

/**
 * Makes an event take effect, in the transaction of `client`, a connection of the worker. Applying it again, or after a
 * newer one, changes nothing. Throws where what it needs is not there yet: the job tries again later.
 *
 * @returns what has happened, in a sentence without data of people.
 */
export async function applyWebhook(client: ClientBase, event: WebhookEvent): Promise<string> {
  switch (event.type) {
    case "subscription":
      return applySubscription(client, event);
    case "customer":
      return keepCustomer(client, event);
    case "user": {
      const { rows } = await client.query("select app_hidden.apply_identity_event($1::jsonb) as id", [
        JSON.stringify(event.facts),
      ]);
      return rows[0]?.id ? `The user '${rows[0].id}' follows their identity.` : "Nobody here is concerned.";
    }
    case "user_deleted":
      await client.query("select app_hidden.end_identity($1, $2)", [event.issuer, event.subject]);
      return "An identity has ended.";
  }
}

async function findOrganization(client: ClientBase, customerId: string): Promise<string | null> {
  const { rows } = await client.query<{ id: string | null }>(ORGANIZATION_OF_CUSTOMER, [customerId]);
  return rows[0]?.id ?? null;
}

async function applySubscription(client: ClientBase, state: SubscriptionState): Promise<string> {
  const { customerId, subscriptionId, plan } = state;
  if (plan === null || !PLANS.includes(plan)) {
    throw new JobProblem(
      "not_ready",
      `The price of subscription '${subscriptionId}' must name a plan (${PLANS.join(", ")}), in its metadata 'plan' or as its lookup key; it names '${plan}'.`,
    );
  }
  const organizationId = (await findOrganization(client, customerId)) ?? state.organizationId;
  if (organizationId === null) {
    throw new JobProblem(
      "not_ready",
      `No organization pays as customer '${customerId}' yet: name it in the subscription's metadata 'organization_id', or complete the checkout with it.`,
    );
  }
  await workFor(client, organizationId);
  const { rowCount } = await client.query(APPLY_SUBSCRIPTION, [
    organizationId,
    plan,
    state.status,
    state.seats,
    state.periodStart,
    state.periodEnd,
    customerId,
    subscriptionId,
    state.version,
  ]);
  return rowCount === 1
    ? `Organization '${organizationId}' has what Stripe says.`
    : `Organization '${organizationId}' stays as it is: a newer event was applied, another customer pays for it, or the first payment of another subscription is still to come.`;
}

async function keepCustomer(
  client: ClientBase,
  { customerId, organizationId }: CustomerFound,
): Promise<string> {
  if ((await findOrganization(client, customerId)) !== null) {
    return "The customer is known.";
  }
  await workFor(client, organizationId);
  const { rowCount } = await client.query(KEEP_CUSTOMER, [organizationId, customerId]);
  return rowCount === 1
    ? `Organization '${organizationId}' pays as a customer of Stripe now.`
    : `Organization '${organizationId}' is not there, or pays as another customer.`;
}

/** From here on, the transaction sees one organization and no other. */
async function workFor(client: ClientBase, organizationId: string): Promise<void> {
  await client.query(
    "select pg_catalog.set_config(name, $1, true) from pg_catalog.unnest($2::text[]) as name",
    [organizationId, ["app.organization_id", "app.current_org_id"]],
  );
}
