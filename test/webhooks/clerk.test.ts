import { randomUUID } from "node:crypto";

import { describe, expect, it } from "@jest/globals";
import { Webhook as StandardWebhook } from "standardwebhooks";
import { Webhook } from "svix";

import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";
import { useIssuer } from "../support/issuer.ts";
import { runJobs } from "../support/jobs.ts";
import { requestConnections } from "../support/requestConnections.ts";

const SECRET = `whsec_${Buffer.from("a secret of thirty-two bytes …!!").toString("base64")}`;
const clerk = useIssuer("clerk");
const db = useTestDatabase();
const api = useGateway(db, {
  configure: (config) => ({
    ...config,
    auth: { ...db.config.auth, outside: [clerk.config()] },
    webhooks: { stripeSecrets: null, clerkSecrets: [SECRET] },
  }),
});

/** Milliseconds since 1970. */
const NOW = Date.now() - 100_000;

interface Person {
  id: string;
  email?: string;
  isVerified?: boolean;
  name?: [string, string];
  at?: number;
}

/** An event as Clerk sends it, with much that is none of our business. */
function userEvent(type: "user.created" | "user.updated", person: Person) {
  const { id, email = `${id}@example.com`, isVerified = true, name = ["Ada", "Byron"], at = NOW } = person;
  const verification = { status: isVerified ? "verified" : "unverified", strategy: "email_code" };
  return {
    type,
    object: "event",
    data: {
      id,
      first_name: name[0],
      last_name: name[1],
      primary_email_address_id: "idn_1",
      email_addresses: [
        { id: "idn_2", email_address: "second@example.com", verification: { status: "verified" } },
        { id: "idn_1", email_address: email, verification },
      ],
      phone_numbers: [{ phone_number: "+15550001111" }],
      updated_at: at,
    },
  };
}

const deletion = (id: string) => ({ type: "user.deleted", object: "event", data: { id, deleted: true } });

interface Delivery {
  eventId?: string;
  secret?: string;
  at?: Date;
}

/** Signs a body with Svix's library, under the names of headers that Clerk uses, and sends it. */
function deliver(
  event: object,
  { eventId = `msg_${randomUUID()}`, secret = SECRET, at = new Date() }: Delivery = {},
): Promise<Response> {
  const body = JSON.stringify(event);
  return fetch(`${api.url}/webhooks/clerk`, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "svix-id": eventId,
      "svix-timestamp": String(Math.floor(at.getTime() / 1000)),
      "svix-signature": new Webhook(secret).sign(eventId, at, body),
    },
    body,
  });
}

async function apply(...events: object[]): Promise<void> {
  for (const event of events) {
    expect((await deliver(event)).status).toBe(200);
    await runJobs(db);
  }
}

async function userOf(subject: string) {
  const { rows } = await db.superuser.query(
    `select u.id, u.email, u.email_verified_at is not null as verified, u.deleted_at is not null as closed,
       p.display_name as name
     from app_private.user_identities i
     join app_public.users u on u.id = i.user_id
     join app_public.profiles p on p.user_id = u.id
     where i.issuer = $1 and i.subject = $2`,
    [clerk.issuer, subject],
  );
  return rows[0];
}

const viewer = (subject: string) =>
  api.query(null, "{ viewer { rowId } }", {
    headers: { authorization: `Bearer ${clerk.sign({ sub: subject })}` },
  });

describe("POST /webhooks/clerk", () => {
  it("makes a user before the first sign-in, and the token is theirs", async () => {
    await apply(userEvent("user.created", { id: "user_a" }));
    const user = await userOf("user_a");
    expect(user).toMatchObject({ email: "user_a@example.com", verified: true, name: "Ada Byron" });
    expect((await viewer("user_a")).data.viewer.rowId).toBe(user.id);
  });

  it("brings changes of address, verification and name", async () => {
    await apply(
      userEvent("user.created", { id: "user_b", isVerified: false }),
      userEvent("user.updated", { id: "user_b", email: "b@new.example", name: ["Bea", ""], at: NOW + 1 }),
    );
    expect(await userOf("user_b")).toMatchObject({ email: "b@new.example", verified: true, name: "Bea" });
  });

  it("settles on the newest state when the events arrive the wrong way round", async () => {
    await apply(
      userEvent("user.updated", { id: "user_c", email: "c@new.example", at: NOW + 5 }),
      userEvent("user.created", { id: "user_c", email: "c@old.example", at: NOW }),
    );
    expect(await userOf("user_c")).toMatchObject({ email: "c@new.example" });
  });

  it("closes the account of a deleted user, whose tokens are refused from the next request on", async () => {
    await apply(userEvent("user.created", { id: "user_d" }));
    expect((await viewer("user_d")).status).toBe(200);
    await apply(deletion("user_d"));
    expect(await userOf("user_d")).toMatchObject({ closed: true });
    expect((await viewer("user_d")).status).toBe(401);
  });

  it("does not bring back whom an earlier event names after the deletion", async () => {
    await apply(deletion("user_e"), userEvent("user.created", { id: "user_e" }));
    expect(await userOf("user_e")).toBeUndefined();
    expect((await viewer("user_e")).status).toBe(403);
    const { rows } = await db.superuser.query("select from app_public.users where email like 'user_e@%'");
    expect(rows).toEqual([]);
  });

  it("leaves an account open that its person can still sign in to", async () => {
    await apply(userEvent("user.created", { id: "user_f" }));
    const { id } = await userOf("user_f");
    await db.superuser.query(
      "insert into app_private.password_hashes (user_id, password_hash) values ($1, 'x')",
      [id],
    );
    await apply(deletion("user_f"));
    expect(await userOf("user_f")).toMatchObject({ closed: false });
    expect((await viewer("user_f")).status).toBe(401);
  });

  it("stores an event once and no more of it than it needs", async () => {
    const event = userEvent("user.created", { id: "user_g" });
    const eventId = "msg_once";
    await Promise.all([1, 2, 3].map(() => deliver(event, { eventId })));
    const stored = "select payload::text as text from app_private.webhook_events where event_id = 'msg_once'";
    const { rows } = await db.superuser.query(stored);
    expect(rows).toHaveLength(1);
    expect(rows[0].text).not.toMatch(/phone|second@example/);
    await runJobs(db);
    expect((await db.superuser.query(stored)).rows).toEqual([{ text: "{}" }]);
  });

  it("thanks for an event that concerns nothing here", async () => {
    const answer = await deliver({ type: "session.created", object: "event", data: { id: "sess_1" } });
    expect(answer.status).toBe(200);
  });

  it.each<[string, Delivery]>([
    ["signed with another secret", { secret: `whsec_${Buffer.alloc(32).toString("base64")}` }],
    ["signed six minutes ago", { at: new Date(Date.now() - 360_000) }],
    ["signed for six minutes from now", { at: new Date(Date.now() + 360_000) }],
  ])("refuses one %s, without a connection to the database", async (_title, delivery) => {
    const before = await requestConnections(db);
    const answer = await deliver(userEvent("user.created", { id: "user_canary" }), delivery);
    expect(answer.status).toBe(400);
    expect(await answer.text()).not.toContain("user_canary");
    expect(before).toEqual(expect.arrayContaining(await requestConnections(db)));
  });

  it("refuses a signature for another id or time, which the headers would let anybody say", async () => {
    const body = JSON.stringify(userEvent("user.created", { id: "user_h" }));
    const at = new Date();
    const signature = new StandardWebhook(SECRET).sign("msg_1", at, body);
    const send = (id: string, seconds: number) =>
      fetch(`${api.url}/webhooks/clerk`, {
        method: "POST",
        headers: {
          "Content-Type": "application/json",
          "svix-id": id,
          "svix-timestamp": String(seconds),
          "svix-signature": signature,
        },
        body,
      });
    const seconds = Math.floor(at.getTime() / 1000);
    expect((await send("msg_2", seconds)).status).toBe(400);
    expect((await send("msg_1", seconds + 1)).status).toBe(400);
    expect((await send("msg_1", seconds)).status).toBe(200);
  });
});
