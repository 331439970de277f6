import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import pg from "pg";

import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

let world: World;
let worker: pg.Pool;

// Before useTestDatabase: hooks run in the order they are given, and it drops the database at the end.
afterAll(() => worker.end());
const db = useTestDatabase();
beforeAll(async () => {
  world = await createWorld(db.superuser);
  worker = new pg.Pool({ connectionString: db.urls.worker, max: 10 });
});

const RECEIVE = "select app_hidden.receive_webhook('stripe', $1, '{\"type\": \"x\"}') as id";
const receive = async (eventId: string) =>
  (await worker.query<{ id: string | null }>(RECEIVE, [eventId])).rows[0]?.id ?? null;

describe("a webhook event", () => {
  it("is kept once, however often and however simultaneously it is delivered", async () => {
    const ids = await Promise.all(Array.from({ length: 10 }, () => receive("evt_1")));
    expect(ids.filter((id) => id !== null)).toHaveLength(1);
    expect(await receive("evt_1")).toBeNull();
  });

  it("of one id from two providers is two events", async () => {
    expect(await receive("evt_2")).not.toBeNull();
    const { rows } = await worker.query("select app_hidden.receive_webhook('clerk', 'evt_2', '{}') as id");
    expect(rows).toEqual([{ id: expect.any(String) }]);
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
    expect(
      worker.query("select app_hidden.receive_webhook('elsewhere', 'evt_4', '{}')"),
    ).rejects.toMatchObject({ code: "23514" }));

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
    "select app_hidden.receive_webhook('stripe', 'evt_5', '{}')",
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
});
