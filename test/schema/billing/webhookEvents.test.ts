import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import pg from "pg";

import { createWorld, type World } from "../../../src/access/world/world.ts";
import { withPgSettings } from "../../../src/database/withTenant.ts";
import { useTestDatabase } from "../../support/database.ts";
import { queuedJobs } from "../../support/jobs.ts";

let world: World;
let worker: pg.Pool;
let gateway: pg.Pool;

// Before useTestDatabase: hooks run in the order they are given, and it drops the database at the end.
afterAll(() => Promise.all([worker.end(), gateway.end()]));
const db = useTestDatabase();
beforeAll(async () => {
  world = await createWorld(db.superuser);
  worker = new pg.Pool({ connectionString: db.urls.worker, max: 10 });
  gateway = new pg.Pool({ connectionString: db.urls.gateway, max: 10 });
});

/** As the gateway does, which has verified what it says. */
async function receive(eventId: string, provider = "stripe", verified = `${provider}:${eventId}`) {
  const settings = { role: "app_anonymous", "app.verified_webhook": verified };
  return withPgSettings(gateway, settings, async (client) => {
    const { rows } = await client.query<{ id: string | null }>(
      'select app_hidden.receive_webhook($1, $2, \'{"type": "x"}\') as id',
      [provider, eventId],
    );
    return rows[0]?.id ?? null;
  });
}

describe("a webhook event", () => {
  it("is kept once, however often and however simultaneously it is delivered", async () => {
    const ids = await Promise.all(Array.from({ length: 10 }, () => receive("evt_1")));
    expect(ids.filter((id) => id !== null)).toHaveLength(1);
    expect(await receive("evt_1")).toBeNull();
  });

  it("of one id from two providers is two events", async () => {
    expect(await receive("evt_2")).not.toBeNull();
    expect(await receive("evt_2", "clerk")).not.toBeNull();
  });

  it("is applied by one job at a time, and once", async () => {
    const id = await receive("evt_3");
    const take = "select provider from app_hidden.take_webhook($1)";
    const first = await worker.connect();
    try {
      await first.query("begin");
      expect((await first.query(take, [id])).rows).toEqual([{ provider: "stripe" }]);
      expect((await worker.query(take, [id])).rows).toEqual([]);
      await first.query("select app_hidden.finish_webhook($1)", [id]);
      await first.query("commit");
    } finally {
      first.release();
    }
    expect((await worker.query(take, [id])).rows).toEqual([]);
  });

  it("of an unknown provider is refused", () =>
    expect(receive("evt_4", "elsewhere")).rejects.toMatchObject({ code: "23514" }));

  it.each(["", "stripe:evt_other", "clerk:evt_6"])("is refused where %p was verified", (verified) =>
    expect(receive("evt_6", "stripe", verified)).rejects.toMatchObject({ code: "DENYD" }),
  );

  it("leaves a job that knows its id, and loses what it said when it has been applied", async () => {
    const id = await receive("evt_7");
    expect((await queuedJobs(db)).map(({ task, payload }) => ({ task, payload }))).toContainEqual({
      task: "webhook__apply",
      payload: expect.objectContaining({ webhookEventId: id }),
    });
    await worker.query("select app_hidden.finish_webhook($1)", [id]);
    const { rows } = await db.superuser.query(
      "select payload from app_private.webhook_events where id = $1",
      [id],
    );
    expect(rows).toEqual([{ payload: {} }]);
  });

  it("loses what it said when its job is dropped, parked or not; a retried one keeps it", async () => {
    const [waiting, parked, retried] = [
      await receive("evt_8"),
      await receive("evt_9"),
      await receive("evt_10"),
    ];
    const { rows: jobs } = await db.superuser.query(
      "select id::text, payload ->> 'webhookEventId' as event from graphile_worker._private_jobs",
    );
    const jobOf = (event: string | null) => jobs.find((job) => job.event === event)?.id;
    const letters = new Map<string | null, string>();
    for (const event of [parked, retried]) {
      await worker.query("select app_hidden.park_job($1, 'not_ready', 'x')", [jobOf(event)]);
      const { rows } = await db.superuser.query(
        "select id from app_public.job_dead_letters where payload ->> 'webhookEventId' = $1",
        [event],
      );
      letters.set(event, rows[0].id);
    }
    const settle = async (name: "drop_job" | "retry_job", id: string | undefined) => {
      const { rows } = await worker.query(`select app_hidden.${name}($1) as settled`, [id]);
      return rows[0].settled;
    };
    expect(await settle("drop_job", jobOf(waiting))).toBe(true);
    expect(await settle("drop_job", letters.get(parked))).toBe(true);
    expect(await settle("drop_job", letters.get(parked))).toBe(false);
    expect(await settle("retry_job", letters.get(retried))).toBe(true);
    const { rows } = await db.superuser.query(
      `select event_id, payload, processed_at is not null as over from app_private.webhook_events
       where id = any ($1) order by received_at`,
      [[waiting, parked, retried]],
    );
    expect(rows).toEqual([
      { event_id: "evt_8", payload: {}, over: true },
      { event_id: "evt_9", payload: {}, over: true },
      { event_id: "evt_10", payload: { type: "x" }, over: false },
    ]);
  });

  it("leads to the organization of a customer", async () => {
    await db.superuser.query(
      "update app_public.subscriptions set stripe_customer_id = 'cus_1' where organization_id = $1",
      [world.own],
    );
    const find = "select app_hidden.organization_id_of_customer($1) as id";
    expect((await worker.query(find, ["cus_1"])).rows).toEqual([{ id: world.own }]);
    expect((await worker.query(find, ["cus_2"])).rows).toEqual([{ id: null }]);
  });

  it.each([
    "select * from app_private.webhook_events",
    "select app_hidden.take_webhook(gen_random_uuid())",
    "select app_hidden.finish_webhook(gen_random_uuid())",
    "select app_hidden.organization_id_of_customer('cus_1')",
  ])("is out of reach of a request: %s", async (sql) => {
    const refused = { code: "42501" };
    for (const person of [world.owner, world.superadmin]) {
      await db.asUser(person, (request) => expect(request.attempt(sql)).rejects.toMatchObject(refused));
    }
    await db.asAnonymous((request) => expect(request.attempt(sql)).rejects.toMatchObject(refused));
  });

  it("is received in nobody's name: neither a person nor the worker can store one", async () => {
    const sql = "select app_hidden.receive_webhook('stripe', 'evt_5', '{}')";
    await db.asUser(world.owner, (request) =>
      expect(request.attempt(sql)).rejects.toMatchObject({ code: "42501" }),
    );
    await expect(worker.query(sql)).rejects.toMatchObject({ code: "42501" });
  });
});
