import { randomUUID } from "node:crypto";

import { expect, it } from "@jest/globals";

import { createOrganization } from "../../src/access/world/people.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";
import { runJobs } from "../support/jobs.ts";
import { deliverTo, NOW, SECRET, subscriptionEvent } from "./stripeEvents.ts";

const db = useTestDatabase();
const api = useGateway(db, {
  configure: (config) => ({ ...config, webhooks: { stripeSecrets: [SECRET], clerkSecrets: null } }),
});

/** An organization that has none, and how its subscription stands once an event was applied. */
async function newcomer() {
  const organizationId = await createOrganization(db.superuser);
  const settle = async (event: object) => {
    await deliverTo(api, event);
    await runJobs(db);
    const { rows } = await db.superuser.query(
      `select status, effective_plan, stripe_subscription_id from app_public.subscriptions where organization_id = $1`,
      [organizationId],
    );
    return rows[0];
  };
  return { organizationId, customer: `cus_${randomUUID()}`, settle };
}

it("a subscription that is not paid yet, or never will be, does not touch the one that is, and is its next once it is paid", async () => {
  const { organizationId, customer, settle } = await newcomer();
  const next = (kind: "created" | "updated", seconds: number, status: string) =>
    subscriptionEvent({
      kind,
      customer,
      organizationId,
      subscription: "sub_begun",
      made: NOW + 50,
      at: NOW + seconds,
      status,
      plan: "starter",
    });
  const paid = { status: "active", effective_plan: "pro", stripe_subscription_id: "sub_paid" };
  expect(await settle(subscriptionEvent({ customer, organizationId, subscription: "sub_paid" }))).toEqual(
    paid,
  );
  expect(await settle(next("created", 50, "incomplete"))).toEqual(paid);
  expect(await settle(next("updated", 60, "incomplete_expired"))).toEqual(paid);
  // What is told of the paid one after that is still heard.
  const late = { kind: "updated", customer, subscription: "sub_paid", at: NOW + 70 } as const;
  expect(await settle(subscriptionEvent({ ...late, status: "past_due" }))).toEqual({
    ...paid,
    status: "past_due",
  });
  expect(await settle(next("updated", 80, "active"))).toEqual({
    status: "active",
    effective_plan: "starter",
    stripe_subscription_id: "sub_begun",
  });
});

it("a first subscription says that its payment is still to come, and that it never came", async () => {
  const { organizationId, customer, settle } = await newcomer();
  for (const [index, status] of ["incomplete", "incomplete_expired"].entries()) {
    const event = subscriptionEvent({ customer, organizationId, at: NOW + index, status });
    expect(await settle(event)).toMatchObject({ status, effective_plan: "free" });
  }
});
