import { beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { Webhook } from "standardwebhooks";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { useTestDatabase } from "../support/database.ts";
import { queuedJobs, runJobs } from "../support/jobs.ts";
import { useReceiver } from "../support/receiver.ts";
import { commitAs, createEndpoint, deliveriesTo, outboundConfig, type TestEndpoint } from "./deliveries.ts";

const db = useTestDatabase();
const receiver = useReceiver();
let world: World;
let endpoint: TestEndpoint;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

beforeEach(async () => {
  await db.superuser.query("delete from app_public.webhook_endpoints");
  await db.superuser.query("delete from graphile_worker._private_jobs");
  await db.superuser.query("delete from app_public.notifications");
  endpoint = await createEndpoint(db, world.own, `${receiver.url}/hooks`);
  receiver.requests.length = 0;
  receiver.answer((response) => void response.writeHead(204).end());
});

const work = () => runJobs(db, outboundConfig(db.config));

let turn = 0;
const change = () =>
  commitAs(db, world.here.provider, "update app_public.appointments set reason = $1 where clinic_id = $2", [
    `canary-reason-${++turn}`,
    world.here.clinic.id,
  ]);

/** The next attempt is now. */
async function hurry(): Promise<void> {
  await db.superuser.query("update graphile_worker._private_jobs set run_at = now()");
}

describe("a change", () => {
  it("is told to the endpoints of its organization that want to know, signed, with ids and nothing else", async () => {
    const others = [
      await createEndpoint(db, world.foreign, `${receiver.url}/foreign`),
      await createEndpoint(db, world.own, `${receiver.url}/uninterested`, ["care_session_created"]),
    ];
    await change();
    await work();
    expect(receiver.requests.map(({ path }) => path)).toEqual(["/hooks"]);
    const [request] = receiver.requests;
    const headers = request?.headers as Record<string, string>;
    expect(new Webhook(endpoint.secret).verify(request?.body ?? "", headers)).toEqual({
      type: "appointment_changed",
      timestamp: expect.any(String),
      data: { clinicId: world.here.clinic.id, ids: [world.here.appointment.id] },
    });
    for (const other of others) {
      expect(() => new Webhook(other.secret).verify(request?.body ?? "", headers)).toThrow("No matching");
      expect(await deliveriesTo(db, other.id)).toEqual([]);
    }
    expect(await deliveriesTo(db, endpoint.id)).toEqual([
      expect.objectContaining({
        event_id: headers["webhook-id"],
        status: "delivered",
        attempts: 1,
        response_status: 204,
        failure: null,
      }),
    ]);
  });

  it("is told to nobody when it is undone", async () => {
    await db.asUser(world.here.provider, async (request) => {
      expect(
        await request.attempt("update app_public.appointments set reason = 'undone' where clinic_id = $1", [
          world.here.clinic.id,
        ]),
      ).toBe(1);
    });
    await work();
    expect(receiver.requests).toEqual([]);
  });

  it("is told to no endpoint that is switched off or has no secret", async () => {
    await db.superuser.query("update app_public.webhook_endpoints set active = false");
    await change();
    await db.superuser.query("update app_public.webhook_endpoints set active = true, secret_made_at = null");
    await change();
    expect(await deliveriesTo(db, endpoint.id)).toEqual([]);
  });
});

describe("a delivery that fails", () => {
  it("is sent again with the same id, later each time, and given up after the tenth", async () => {
    receiver.answer((response) => void response.writeHead(500).end("canary-answer"));
    await change();
    const pauses = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400, null];
    for (const [index, pause] of pauses.entries()) {
      await hurry();
      await work();
      const [delivery] = await deliveriesTo(db, endpoint.id);
      expect(delivery).toMatchObject({ attempts: index + 1, response_status: 500, failure: "status" });
      expect(delivery?.status).toBe(pause === null ? "failed" : "waiting");
      if (pause !== null) {
        expect(delivery?.seconds).toBeGreaterThan(pause * 0.9 - 5);
        expect(delivery?.seconds).toBeLessThan(pause * 1.1);
      }
    }
    expect(new Set(receiver.requests.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    expect(receiver.requests).toHaveLength(10);
    expect(await queuedJobs(db)).toEqual([]);
  });

  it("is not followed to where a redirect leads, and says when the address was refused", async () => {
    receiver.answer((response) => void response.writeHead(302, { location: `${receiver.url}/other` }).end());
    await change();
    await work();
    expect(receiver.requests.map(({ path }) => path)).toEqual(["/hooks"]);
    await hurry();
    await runJobs(db, {
      ...outboundConfig(db.config),
      outbound: { webhookNetworks: [], googleApiUrl: null },
    });
    expect(await deliveriesTo(db, endpoint.id)).toEqual([
      expect.objectContaining({ attempts: 2, response_status: null, failure: "address_refused" }),
    ]);
    expect(receiver.requests).toHaveLength(1);
  });

  it("switches its endpoint off after five days, tells the administrators once, and goes out when it is on again", async () => {
    receiver.answer((response) => void response.writeHead(503).end());
    await change();
    await work();
    await db.superuser.query(
      "update app_public.webhook_endpoints set failing_since = now() - interval '5 days 1 minute'",
    );
    await hurry();
    await work();
    await hurry();
    await work();
    expect(receiver.requests).toHaveLength(2);
    const { rows } = await db.superuser.query(
      `select user_id, kind, subject_id from app_public.notifications
       where kind <> 'appointment_booked' order by user_id`,
    );
    const told = { kind: "webhook_endpoint_disabled", subject_id: endpoint.id };
    expect(rows).toEqual(
      [world.owner.userId, world.admin.userId].sort().map((userId) => ({ user_id: userId, ...told })),
    );
    receiver.answer((response) => void response.writeHead(200).end());
    await commitAs(db, world.owner, "update app_public.webhook_endpoints set active = true where id = $1", [
      endpoint.id,
    ]);
    await work();
    expect(await deliveriesTo(db, endpoint.id)).toEqual([
      expect.objectContaining({ status: "delivered", attempts: 3 }),
    ]);
    const after = await db.superuser.query(
      "select failing_since, disabled_at from app_public.webhook_endpoints",
    );
    expect(after.rows).toEqual([{ failing_since: null, disabled_at: null }]);
  });

  it("has one job in the queue, however often its endpoint is switched off and on", async () => {
    receiver.answer((response) => void response.writeHead(503).end());
    await change();
    await work();
    for (const active of [false, true, false, true, false, true]) {
      await commitAs(db, world.owner, "update app_public.webhook_endpoints set active = $2 where id = $1", [
        endpoint.id,
        active,
      ]);
    }
    const { rows } = await db.superuser.query(
      `select run_at <= now() as is_due from graphile_worker._private_jobs where payload::jsonb ? 'deliveryId'`,
    );
    expect(rows).toEqual([{ is_due: true }]);
  });

  it("switches its endpoint off at once when that is gone (410)", async () => {
    receiver.answer((response) => void response.writeHead(410).end());
    await change();
    await work();
    expect(await deliveriesTo(db, endpoint.id)).toEqual([expect.objectContaining({ status: "failed" })]);
    const { rows } = await db.superuser.query("select active from app_public.webhook_endpoints");
    expect(rows).toEqual([{ active: false }]);
  });
});

describe("a job", () => {
  it("that is handed another organization's delivery does nothing", async () => {
    await change();
    await db.superuser.query(
      `update graphile_worker._private_jobs set payload = jsonb_set(payload::jsonb, '{organizationId}', to_jsonb($1::text))::json
       where payload::jsonb ? 'deliveryId'`,
      [world.foreign],
    );
    await work();
    expect(receiver.requests).toEqual([]);
    expect(await deliveriesTo(db, endpoint.id)).toEqual([
      expect.objectContaining({ status: "waiting", attempts: 0 }),
    ]);
  });

  it("says that the secret cannot be opened with another key", async () => {
    await change();
    await db.superuser.query("update app_private.webhook_secrets set key_id = repeat('0', 16)");
    await work();
    expect(await deliveriesTo(db, endpoint.id)).toEqual([
      expect.objectContaining({ status: "waiting", attempts: 1, failure: "secret_unreadable" }),
    ]);
    expect(receiver.requests).toEqual([]);
  });
});

describe("a replay", () => {
  it("sends the same event once more, for an administrator", async () => {
    await change();
    await work();
    const [first] = await deliveriesTo(db, endpoint.id);
    await commitAs(db, world.admin, "select app_public.replay_webhook_delivery($1)", [first?.id]);
    await work();
    expect(receiver.requests.map(({ headers }) => headers["webhook-id"])).toEqual([
      first?.event_id,
      first?.event_id,
    ]);
    const [, second] = await deliveriesTo(db, endpoint.id);
    expect(second).toMatchObject({ status: "delivered", attempts: 1 });
  });

  it("is denied to a provider and to another organization, as if there were none", async () => {
    await change();
    const [delivery] = await deliveriesTo(db, endpoint.id);
    for (const person of [world.here.provider, world.abroad.clinicAdmin, world.superadmin]) {
      await db.asUser(person, (request) =>
        expect(
          request.attempt("select app_public.replay_webhook_delivery($1)", [delivery?.id]),
        ).rejects.toMatchObject({ code: "NTFND" }),
      );
    }
  });
});
