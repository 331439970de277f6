import { beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { ClientBase } from "pg";

import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

/** What an operator sees of jobs, and what parking, retrying and dropping one does to it and to no other. */
const db = useTestDatabase();
const UNKNOWN = "00000000-0000-7000-8000-000000000009";
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});
beforeEach(() => db.superuser.query("delete from graphile_worker._private_jobs"));

async function add(
  client: ClientBase,
  task: string,
  organizationId: string | null,
  queue: string | null = null,
) {
  const { rows } = await client.query<{ id: string }>(
    `select id from graphile_worker.add_job($1, json_strip_nulls(json_build_object('organizationId', $2::uuid)),
       queue_name := $3)`,
    [task, organizationId, queue],
  );
  return rows[0]?.id ?? "";
}

/** Two dead letters, of which the second is settled already; their ids. */
async function letters(client: ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `insert into app_public.job_dead_letters
       (organization_id, job_id, task, payload, error_code, attempts, resolution, resolved_at)
     values ($1, 1, 'x', '{}', 'failed', 1, null, null), ($1, 2, 'x', '{}', 'failed', 1, 'dropped', '2026-01-01')
     returning id`,
    [world.own],
  );
  return rows.map(({ id }) => id);
}

async function asWorker(client: ClientBase, sql: string, values: unknown[] = []) {
  await client.query("set local role app_worker");
  const { rows } = await client.query(sql, values);
  await client.query("reset role");
  return rows;
}

describe("a job that is parked", () => {
  const PARK = "select app_hidden.park_job($1, 'failed', 'x') as is_parked";
  const parked = async (client: ClientBase) =>
    (await client.query("select organization_id, task, queue_name from app_public.job_dead_letters")).rows;

  it.each([
    ["in the line in which it stood", "line b"],
    ["in no line if it stood in none", null],
  ])("is kept alone, %s", (_where, queue) =>
    db.inTransaction(async (client) => {
      await add(client, "metrics__enqueue", world.own, "line a");
      const id = await add(client, "mail__send", world.own, queue);
      await add(client, "metrics__enqueue", world.own, "line c");
      expect(await asWorker(client, PARK, [id])).toEqual([{ is_parked: true }]);
      expect(await parked(client)).toEqual([
        { organization_id: world.own, task: "mail__send", queue_name: queue },
      ]);
    }),
  );

  it("is kept of no organization when it is the system's, and not at all when its organization is gone", () =>
    db.inTransaction(async (client) => {
      const gone = await add(client, "mail__send", UNKNOWN);
      expect(await asWorker(client, PARK, [gone])).toEqual([{ is_parked: false }]);
      expect(await parked(client)).toEqual([]);
      const system = await add(client, "mail__send", null);
      expect(await asWorker(client, PARK, [system])).toEqual([{ is_parked: true }]);
      expect(await parked(client)).toEqual([{ organization_id: null, task: "mail__send", queue_name: null }]);
    }));
});

it("every job is listed once, with its own task, and of the parked ones those that nobody has settled", () =>
  db.inTransaction(async (client) => {
    const ids = [await add(client, "mail__send", world.own), await add(client, "metrics__enqueue", null)];
    const [open] = await letters(client);
    expect(
      await asWorker(client, "select id, task, state from app_hidden.list_jobs() order by state desc, task"),
    ).toEqual([
      { id: ids[0], task: "mail__send", state: "waiting" },
      { id: ids[1], task: "metrics__enqueue", state: "waiting" },
      { id: open, task: "x", state: "parked" },
    ]);
  }));

it.each(["retry_job", "drop_job"])("%s settles the parked job that was named, once, and no other", (name) =>
  db.inTransaction(async (client) => {
    const [open, settled] = await letters(client);
    const settle = (id: string | undefined) =>
      asWorker(client, `select app_hidden.${name}($1) as done`, [id]);
    const openOnes = async () =>
      (await client.query("select id from app_public.job_dead_letters where resolved_at is null")).rows;
    for (const id of [UNKNOWN, settled]) {
      expect(await settle(id)).toEqual([{ done: false }]);
      expect(await openOnes()).toEqual([{ id: open }]);
    }
    expect(await settle(open)).toEqual([{ done: true }]);
    expect(await openOnes()).toEqual([]);
  }),
);

it.each(["retry_job", "drop_job"])("%s settles the job of the queue that was named, and no other", (name) =>
  db.inTransaction(async (client) => {
    const ids = [await add(client, "mail__send", world.own), await add(client, "mail__send", world.own)];
    await client.query("update graphile_worker._private_jobs set run_at = now() + interval '1 hour'");
    const settle = (id: string | undefined) =>
      asWorker(client, `select app_hidden.${name}($1) as done`, [id]);
    const waiting = async () =>
      (await client.query("select id from graphile_worker._private_jobs where run_at > now() order by id"))
        .rows;
    expect(await settle("999999")).toEqual([{ done: false }]);
    expect(await waiting()).toEqual(ids.map((id) => ({ id })));
    expect(await settle(ids[0])).toEqual([{ done: true }]);
    expect(await waiting()).toEqual([{ id: ids[1] }]);
    await client.query("update graphile_worker._private_jobs set locked_by = 'w', locked_at = now()");
    expect(await settle(ids[1])).toEqual([{ done: false }]);
    expect(await waiting()).toEqual([{ id: ids[1] }]);
  }),
);

it("a dropped job ends its own webhook's event, and leaves it as it is where that was applied before", () =>
  db.inTransaction(async (client) => {
    const { rows: events } = await client.query<{ id: string }>(
      `insert into app_private.webhook_events (provider, event_id, payload, processed_at)
       values ('stripe', '1', '{"type": "x"}', null), ('stripe', '2', '{}', '2026-01-01'),
         ('stripe', '3', '{"type": "x"}', null) returning id`,
    );
    for (const { id: event } of events.slice(0, 2)) {
      const { rows } = await client.query<{ id: string }>(
        "select id from graphile_worker.add_job('webhook__apply', json_build_object('webhookEventId', $1::uuid))",
        [event],
      );
      expect(await asWorker(client, "select app_hidden.drop_job($1) as done", [rows[0]?.id])).toEqual([
        { done: true },
      ]);
    }
    const { rows } = await client.query(
      `select event_id, payload, processed_at = now() as now, processed_at = '2026-01-01' as before
       from app_private.webhook_events order by event_id`,
    );
    expect(rows).toEqual([
      { event_id: "1", payload: {}, now: true, before: false },
      { event_id: "2", payload: {}, now: false, before: true },
      { event_id: "3", payload: { type: "x" }, now: null, before: null },
    ]);
  }));
