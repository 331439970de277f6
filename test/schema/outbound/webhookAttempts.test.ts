import { beforeAll, describe, expect, it } from "@jest/globals";
import type { ClientBase } from "pg";

import { applySettings } from "../../../src/access/world/rolledBack.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
let world: World;
/** Two of one organization. */
let endpointId: string;
let otherId: string;
let deliveryId: string;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  const insert = async (sql: string, values: unknown[]) => {
    const { rows } = await db.superuser.query<{ id: string }>(`${sql} returning id`, values);
    return rows[0]?.id ?? "";
  };
  const endpoint = () =>
    insert(
      `insert into app_public.webhook_endpoints (organization_id, url, event_kinds, updated_at)
       values ($1, 'https://example.com/hooks', '{appointment_created}', '2026-01-01')`,
      [world.own],
    );
  const delivery = (id: string) =>
    insert(
      `insert into app_public.webhook_deliveries
         (organization_id, clinic_id, endpoint_id, event_id, event_kind, subject_ids)
       values ($1, $2, $3, gen_random_uuid(), 'appointment_created', array[gen_random_uuid()])`,
      [world.own, world.here.clinic.id, id],
    );
  [endpointId, otherId] = [await endpoint(), await endpoint()];
  deliveryId = await delivery(endpointId);
  await delivery(endpointId);
  await delivery(otherId);
});

/** Settles an attempt as the job does; the endpoint that was switched off by it. */
async function settle(client: ClientBase, attempt: number, status: number, failure: string | null) {
  await applySettings(client, { role: "app_worker", "app.organization_id": world.own });
  const { rows } = await client.query<{ id: string | null }>(
    "select app_hidden.settle_webhook_attempt($1, $2, $3, $4) as id",
    [deliveryId, attempt, status, failure],
  );
  await client.query("reset role");
  return rows[0]?.id;
}

const attempted = async (client: ClientBase) =>
  (await client.query("select id, attempts, status from app_public.webhook_deliveries where attempts > 0"))
    .rows;

/** The endpoints of which something is true. */
const endpoints = async (client: ClientBase, condition: string) =>
  (await client.query(`select id from app_public.webhook_endpoints where ${condition} order by id`)).rows.map(
    ({ id }) => id,
  );

describe("an attempt", () => {
  it("is settled of the delivery that was named, and once", () =>
    db.inTransaction(async (client) => {
      const first = [{ id: deliveryId, attempts: 1, status: "waiting" }];
      await settle(client, 1, 500, "status");
      expect(await attempted(client)).toEqual(first);
      for (const attempt of [1, 3]) {
        expect(await settle(client, attempt, 410, "status")).toBeNull();
        expect(await attempted(client)).toEqual(first);
      }
      expect(await endpoints(client, "not active")).toEqual([]);
    }));

  it("that succeeds ends the failing of its endpoint, and of no other", () =>
    db.inTransaction(async (client) => {
      await client.query("update app_public.webhook_endpoints set failing_since = now()");
      await settle(client, 1, 200, null);
      expect(await endpoints(client, "failing_since is null")).toEqual([endpointId]);
    }));

  it("that succeeds leaves alone an endpoint that was not failing", () =>
    db.inTransaction(async (client) => {
      const version = "select xmin::text from app_public.webhook_endpoints where id = $1";
      const { rows: before } = await client.query(version, [endpointId]);
      await settle(client, 1, 200, null);
      expect((await client.query(version, [endpointId])).rows).toEqual(before);
    }));

  it("that fails is the beginning of its endpoint's failing, and of no other's", () =>
    db.inTransaction(async (client) => {
      expect(await settle(client, 1, 500, "status")).toBeNull();
      expect(await endpoints(client, "failing_since is not null")).toEqual([endpointId]);
    }));

  it("that finds its endpoint gone switches that off, and no other", () =>
    db.inTransaction(async (client) => {
      expect(await settle(client, 1, 410, "status")).toBe(endpointId);
      expect(await endpoints(client, "not active")).toEqual([endpointId]);
      expect(await endpoints(client, "disabled_at is not null")).toEqual([endpointId]);
    }));

  it("says nothing of an endpoint that somebody has switched off meanwhile", () =>
    db.inTransaction(async (client) => {
      await client.query("update app_public.webhook_endpoints set active = false");
      expect(await settle(client, 1, 410, "status")).toBeNull();
      expect(await endpoints(client, "disabled_at is not null")).toEqual([]);
    }));
});
