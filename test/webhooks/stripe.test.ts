import { randomUUID } from "node:crypto";

import { afterEach, describe, expect, it } from "@jest/globals";
import Stripe from "stripe";

import { createOrganization } from "../../src/access/world/people.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";
import { queuedJobs, runJobs } from "../support/jobs.ts";
import { requestConnections } from "../support/requestConnections.ts";
import { deliverTo, type Delivery, NOW, SECRET, subscriptionEvent } from "./stripeEvents.ts";

const OLD_SECRET = "whsec_the_secret_before";
const db = useTestDatabase();
const api = useGateway(db, {
  configure: (config) => ({
    ...config,
    webhooks: { stripeSecrets: [SECRET, OLD_SECRET], clerkSecrets: null },
  }),
});

afterEach(() => db.superuser.query("delete from graphile_worker._private_jobs"));

const deliver = (event: object, delivery?: Delivery) => deliverTo(api, event, delivery);

async function subscriptionOf(organizationId: string) {
  const { rows } = await db.superuser.query(
    `select plan, status, seats, effective_plan, stripe_customer_id, stripe_subscription_id
     from app_public.subscriptions where organization_id = $1`,
    [organizationId],
  );
  return rows[0];
}

/** An organization that pays as a customer, and the customer. */
async function customerOf(): Promise<{ organizationId: string; customer: string }> {
  const organizationId = await createOrganization(db.superuser);
  const customer = `cus_${randomUUID()}`;
  await db.superuser.query(
    "update app_public.subscriptions set stripe_customer_id = $2 where organization_id = $1",
    [organizationId, customer],
  );
  return { organizationId, customer };
}

describe("POST /webhooks/stripe", () => {
  it("makes the subscription of an organization follow, from its first event to its last", async () => {
    const organizationId = await createOrganization(db.superuser);
    const customer = `cus_${randomUUID()}`;
    const created = subscriptionEvent({
      kind: "created",
      customer,
      organizationId,
      plan: "starter",
      seats: 5,
    });
    expect((await deliver(created)).status).toBe(200);
    await runJobs(db);
    expect(await subscriptionOf(organizationId)).toEqual({
      plan: "starter",
      status: "active",
      seats: 5,
      effective_plan: "starter",
      stripe_customer_id: customer,
      stripe_subscription_id: `sub_${customer}`,
    });
    await deliver(subscriptionEvent({ at: NOW + 1, customer, status: "past_due", seats: 40 }), {
      secret: OLD_SECRET,
    });
    await runJobs(db);
    expect(await subscriptionOf(organizationId)).toMatchObject({
      plan: "pro",
      status: "past_due",
      seats: 40,
    });
    await deliver(subscriptionEvent({ kind: "deleted", at: NOW + 2, customer, status: "canceled" }));
    await runJobs(db);
    expect(await subscriptionOf(organizationId)).toMatchObject({
      status: "canceled",
      effective_plan: "free",
    });
  });

  it("stores an event once, and replays change nothing", async () => {
    const { organizationId, customer } = await customerOf();
    const event = subscriptionEvent({ customer });
    const answers = await Promise.all(Array.from({ length: 5 }, () => deliver(event)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(await queuedJobs(db)).toHaveLength(1);
    await runJobs(db);
    await db.superuser.query("update app_public.subscriptions set seats = 99 where organization_id = $1", [
      organizationId,
    ]);
    expect((await deliver(event)).status).toBe(200);
    await runJobs(db);
    expect((await subscriptionOf(organizationId)).seats).toBe(99);
    const { rows } = await db.superuser.query(
      "select payload, processed_at is not null as done from app_private.webhook_events where event_id = $1",
      [event.id],
    );
    expect(rows).toEqual([{ payload: {}, done: true }]);
  });

  it("settles on the newest state, in whichever of the six orders three events arrive", async () => {
    for (const order of ["012", "021", "102", "120", "201", "210"]) {
      const { organizationId, customer } = await customerOf();
      const events = [
        subscriptionEvent({ kind: "created", customer, status: "incomplete" }),
        // In the same second, as Stripe's time is given.
        subscriptionEvent({ kind: "updated", customer, status: "active", seats: 7 }),
        subscriptionEvent({ kind: "deleted", at: NOW + 5, customer, status: "canceled", seats: 7 }),
      ];
      for (const index of order) {
        await deliver(events[Number(index)] ?? {});
        await runJobs(db);
      }
      expect([order, await subscriptionOf(organizationId)]).toEqual([
        order,
        expect.objectContaining({ status: "canceled", seats: 7 }),
      ]);
    }
  });

  it("lets the end of a former subscription not touch the one that replaced it", async () => {
    const { organizationId, customer } = await customerOf();
    await deliver(subscriptionEvent({ customer, subscription: "sub_former" }));
    await deliver(subscriptionEvent({ customer, subscription: "sub_next", made: NOW + 50, at: NOW + 50 }));
    await deliver(
      subscriptionEvent({
        kind: "deleted",
        customer,
        subscription: "sub_former",
        at: NOW + 60,
        status: "canceled",
      }),
    );
    await runJobs(db);
    expect(await subscriptionOf(organizationId)).toMatchObject({
      status: "active",
      stripe_subscription_id: "sub_next",
    });
  });

  it("waits for the checkout that says whose a customer is", async () => {
    const organizationId = await createOrganization(db.superuser);
    const customer = `cus_${randomUUID()}`;
    await deliver(subscriptionEvent({ customer }));
    await runJobs(db);
    expect(await queuedJobs(db)).toEqual([
      expect.objectContaining({ attempts: 1, lastError: expect.stringMatching(/No organization pays as/) }),
    ]);
    await deliver({
      id: `evt_${randomUUID()}`,
      object: "event",
      type: "checkout.session.completed",
      created: NOW,
      data: { object: { object: "checkout.session", customer, client_reference_id: organizationId } },
    });
    await db.superuser.query("update graphile_worker._private_jobs set run_at = now()");
    await runJobs(db);
    await db.superuser.query("update graphile_worker._private_jobs set run_at = now()");
    await runJobs(db);
    expect(await subscriptionOf(organizationId)).toMatchObject({ plan: "pro", stripe_customer_id: customer });
  });

  it("gives an organization that pays no second customer, and a customer no second organization", async () => {
    const [payer, other] = [await customerOf(), await customerOf()];
    await deliver(subscriptionEvent({ customer: payer.customer, organizationId: other.organizationId }));
    await deliver(subscriptionEvent({ customer: "cus_stranger", organizationId: other.organizationId }));
    await runJobs(db);
    expect(await subscriptionOf(payer.organizationId)).toMatchObject({ plan: "pro" });
    expect(await subscriptionOf(other.organizationId)).toMatchObject({
      plan: "free",
      stripe_customer_id: other.customer,
    });
  });

  it("leaves a plan that nobody knows to the operator", async () => {
    const { organizationId, customer } = await customerOf();
    await deliver(subscriptionEvent({ customer, plan: "platinum" }));
    await runJobs(db);
    expect((await queuedJobs(db))[0]?.lastError).toMatch(/must name a plan/);
    expect(await subscriptionOf(organizationId)).toMatchObject({ plan: "free" });
  });

  it("thanks for an event that concerns nothing here, and stores none of it", async () => {
    const event = {
      id: "evt_other",
      object: "event",
      type: "charge.succeeded",
      created: NOW,
      data: { object: {} },
    };
    expect((await deliver(event)).status).toBe(200);
    const { rows } = await db.superuser.query(
      "select from app_private.webhook_events where event_id = 'evt_other'",
    );
    expect(rows).toEqual([]);
  });
});

describe("a delivery that is not as it should be", () => {
  const event = () => subscriptionEvent({ customer: "cus_refused" });

  it.each<[string, Delivery, number]>([
    ["signed with another secret", { secret: "whsec_of_somebody_else" }, 400],
    ["without a signature", { headers: { "Stripe-Signature": "" } }, 400],
    ["with a signature that is none", { headers: { "Stripe-Signature": "t=1,v1=00" } }, 400],
    ["signed six minutes ago", { timestamp: Math.floor(Date.now() / 1000) - 360 }, 400],
    ["that is no JSON", { headers: { "Content-Type": "text/plain" } }, 415],
    ["that is compressed", { headers: { "Content-Encoding": "gzip" } }, 415],
    ["that is asked for", { method: "GET" }, 405],
  ])(
    "is refused when it is one %s, without a connection to the database",
    async (_title, delivery, status) => {
      const before = await requestConnections(db);
      const answer = await deliver(event(), delivery);
      expect([answer.status, answer.headers.get("allow")]).toEqual([status, status === 405 ? "POST" : null]);
      expect(await answer.text()).not.toContain("cus_refused");
      expect(before).toEqual(expect.arrayContaining(await requestConnections(db)));
    },
  );

  it("is refused when one byte was changed, or when it is larger than 100 kB", async () => {
    const payload = JSON.stringify(event());
    const signature = Stripe.webhooks.generateTestHeaderString({ payload, secret: SECRET });
    const headers = { "Content-Type": "application/json", "Stripe-Signature": signature };
    const send = (body: string) => fetch(`${api.url}/webhooks/stripe`, { method: "POST", headers, body });
    const before = await requestConnections(db);
    expect((await send(payload.replace('"active"', '"paused"'))).status).toBe(400);
    expect((await deliver({ ...event(), padding: "x".repeat(100_000) })).status).toBe(413);
    expect(before).toEqual(expect.arrayContaining(await requestConnections(db)));
    expect((await send(payload)).status).toBe(200);
    expect(before).not.toEqual(expect.arrayContaining(await requestConnections(db)));
  });

  it("finds nothing where no secret is configured", async () => {
    expect((await fetch(`${api.url}/webhooks/clerk`, { method: "POST" })).status).toBe(404);
  });
});
