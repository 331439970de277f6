import { randomBytes } from "node:crypto";

import { beforeAll, describe, expect, it } from "@jest/globals";
import type { ClientBase } from "pg";

import { applySettings } from "../../../src/access/world/rolledBack.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  await db.superuser.query("delete from graphile_worker._private_jobs");
});

interface Made {
  clinic?: { id: string; organizationId: string };
  provider?: "google_sheets" | "google_calendar";
  schedule?: "manual" | "hourly" | "daily";
  active?: boolean;
  connected?: boolean;
}

let made = 0;

/** A connected integration of the clinic `here`, or of another kind. */
async function integration(client: ClientBase, { clinic = world.here.clinic, ...kind }: Made = {}) {
  const { provider = "google_sheets", schedule = "manual", active = true, connected = true } = kind;
  const { rows } = await client.query<{ id: string }>(
    `insert into app_public.integrations (organization_id, clinic_id, provider, name, schedule, active, connected_at)
     values ($1, $2, $3, $4, $5, $6, case when $7 then now() end) returning id`,
    [clinic.organizationId, clinic.id, provider, `Figures ${++made}`, schedule, active, connected],
  );
  return rows[0]?.id ?? "";
}

/** A run of an integration that began so long ago. */
const ran = (client: ClientBase, id: string, ago: string, { kind = "sync", status = "succeeded" } = {}) =>
  client.query(
    `insert into app_public.integration_sync_runs
       (organization_id, clinic_id, integration_id, kind, status, started_at, finished_at, failure)
     select organization_id, clinic_id, id, $3, $4::text::app_public.integration_sync_status, now() - $2::interval, now(), case $4 when 'failed' then 'x' end
     from app_public.integrations where id = $1`,
    [id, ago, kind, status],
  );

/** What is in the queue, as `task integration`. */
async function queued(client: ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ job: string }>(
    `select t.identifier || ' ' || (j.payload ->> 'integrationId') as job
     from graphile_worker._private_jobs j join graphile_worker._private_tasks t on t.id = j.task_id order by 1`,
  );
  return rows.map(({ job }) => job);
}

describe("a sync that is asked for", () => {
  const UNKNOWN = "00000000-0000-7000-8000-000000000009";

  it.each<[string, Made, boolean]>([
    ["connected and active", {}, true],
    ["switched off", { active: false }, false],
    ["not connected", { connected: false }, false],
  ])(
    "is queued where the integration is connected and active, and not otherwise: %s",
    (_how, kind, isQueued) =>
      db.inTransaction(async (client) => {
        const id = await integration(client, kind);
        await applySettings(client, { role: "app_user", "jwt.claims.sub": world.here.clinicAdmin.userId });
        const { rows } = await client.query("select app_hidden.queue_sync($1) as done", [id]);
        expect(rows).toEqual([{ done: isQueued }]);
        await client.query("reset role");
        expect(await queued(client)).toEqual(isQueued ? [`integration__sync ${id}`] : []);
      }),
  );

  it("is not queued of one that is not there, however many others are", () =>
    db.inTransaction(async (client) => {
      await integration(client);
      await applySettings(client, { role: "app_user", "jwt.claims.sub": world.here.clinicAdmin.userId });
      const { rows } = await client.query("select app_hidden.queue_sync($1) as done", [UNKNOWN]);
      expect(rows).toEqual([{ done: false }]);
      await client.query("reset role");
      expect(await queued(client)).toEqual([]);
    }));
});

describe("what the schedule adds", () => {
  /** Runs it for the organization `own`, on a plan; how many integrations it looked at. */
  async function plan(client: ClientBase, bought = "pro"): Promise<number> {
    await client.query("update app_public.subscriptions set plan = $1 where organization_id = $2", [
      bought,
      world.own,
    ]);
    await applySettings(client, { role: "app_worker", "app.organization_id": world.own });
    const { rows } = await client.query("select app_hidden.queue_due_integrations() as count");
    await client.query("reset role");
    return rows[0].count;
  }

  it("is of connected and active sheets of its organization that are not synced by hand only", () =>
    db.inTransaction(async (client) => {
      const schedule = "hourly";
      const id = await integration(client, { schedule });
      await integration(client, { schedule: "manual" });
      await integration(client, { schedule, active: false });
      await integration(client, { schedule, connected: false });
      await integration(client, { schedule, provider: "google_calendar" });
      await integration(client, { schedule, clinic: world.abroad.clinic });
      expect(await plan(client)).toBe(2);
      expect(await queued(client)).toEqual([`integration__sync ${id}`]);
    }));

  it("counts for a day the syncs of the same sheet, and those that succeeded", () =>
    db.inTransaction(async (client) => {
      const schedule = "daily";
      const synced = await integration(client, { schedule });
      await ran(client, synced, "1 hour");
      const compared = await integration(client, { schedule });
      await ran(client, compared, "1 hour", { kind: "validation" });
      const failed = await integration(client, { schedule });
      await ran(client, failed, "1 hour", { status: "failed" });
      const past = await integration(client, { schedule });
      await ran(client, past, "1 day");
      expect(await plan(client)).toBe(4);
      expect(await queued(client)).toEqual(
        [
          ...[compared, failed, past].map((id) => `integration__sync ${id}`),
          ...[synced, past].map((id) => `integration__validate ${id}`),
        ].sort(),
      );
    }));

  const flag = (client: ClientBase, organizationId: string, key: string, enabled: boolean) =>
    client.query(
      "insert into app_public.organization_feature_flags (organization_id, flag_key, enabled) values ($1, $2, $3)",
      [organizationId, key, enabled],
    );

  it.each<[string, string, (client: ClientBase) => Promise<unknown>, boolean]>([
    ["the plan includes it", "pro", () => Promise.resolve(), true],
    ["the plan has other features", "starter", () => Promise.resolve(), false],
    [
      "it was switched off for the organization",
      "pro",
      (client) => flag(client, world.own, "scheduled_sync", false),
      false,
    ],
    [
      "it was switched on for the organization",
      "free",
      (client) => flag(client, world.own, "scheduled_sync", true),
      true,
    ],
    [
      "another feature was switched on",
      "free",
      (client) => flag(client, world.own, "integrations", true),
      false,
    ],
    [
      "it was switched on for another organization",
      "free",
      (client) => flag(client, world.foreign, "scheduled_sync", true),
      false,
    ],
    [
      "another organization's plan includes it",
      "free",
      (client) =>
        client.query("update app_public.subscriptions set plan = 'enterprise' where organization_id = $1", [
          world.foreign,
        ]),
      false,
    ],
    [
      "no plan has it any more",
      "pro",
      (client) =>
        client.query(
          "update app_public.feature_flag_definitions set default_enabled = false where key = 'scheduled_sync'",
        ),
      false,
    ],
  ])("has a sync or has none where %s", (_why, bought, arrange, isQueued) =>
    db.inTransaction(async (client) => {
      const id = await integration(client, { schedule: "hourly" });
      await arrange(client);
      expect(await plan(client, bought)).toBe(1);
      expect(await queued(client)).toEqual(isQueued ? [`integration__sync ${id}`] : []);
    }),
  );
});

it("the credential that a job reads is that of the integration it names", () =>
  db.inTransaction(async (client) => {
    const ids = [await integration(client), await integration(client)];
    for (const [index, id] of ids.entries()) {
      await client.query(
        `insert into app_private.integration_credentials
           (integration_id, organization_id, clinic_id, key_id, nonce, ciphertext) values ($1, $2, $3, $4, $5, $6)`,
        [id, world.own, world.here.clinic.id, String(index).repeat(16), randomBytes(12), randomBytes(32)],
      );
    }
    await applySettings(client, { role: "app_worker", "app.organization_id": world.own });
    for (const [index, id] of ids.entries()) {
      const { rows } = await client.query("select key_id from app_hidden.sealed_credential($1)", [id]);
      expect(rows).toEqual([{ key_id: String(index).repeat(16) }]);
    }
  }));
