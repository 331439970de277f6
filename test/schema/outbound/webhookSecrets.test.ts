import { randomBytes } from "node:crypto";

import { beforeAll, describe, expect, it } from "@jest/globals";
import type { ClientBase } from "pg";

import type { Person } from "../../../src/access/world/people.ts";
import { applySettings, requestSettings } from "../../../src/access/world/rolledBack.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
const UNKNOWN = "00000000-0000-7000-8000-000000000009";
let world: World;
let endpointId: string;
let otherId: string;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  const endpoint = async () => {
    const { rows } = await db.superuser.query<{ id: string }>(
      `insert into app_public.webhook_endpoints (organization_id, url, event_kinds, secret_made_at)
       values ($1, 'https://example.com/hooks', '{appointment_created}', '2026-01-01') returning id`,
      [world.own],
    );
    return rows[0]?.id ?? "";
  };
  endpointId = await endpoint();
  otherId = await endpoint();
  // One that has a successor, and the successor, of each.
  await db.superuser.query(
    `insert into app_private.webhook_secrets (organization_id, endpoint_id, key_id, nonce, ciphertext, expires_at)
     select $1, e, lpad(to_hex(n), 16, '0'), substring(sha256((e || n::text)::bytea) for 12), sha256('secret'),
       case n when 0 then now() + interval '1 hour' end
     from unnest($2::uuid[]) e, generate_series(0, 1) n`,
    [world.own, [endpointId, otherId]],
  );
});

async function store(client: ClientBase, person: Person, id = endpointId) {
  await applySettings(client, requestSettings(person));
  await client.query("select app_hidden.store_webhook_secret($1, repeat('f', 16), $2, $3)", [
    id,
    randomBytes(12),
    randomBytes(48),
  ]);
  await client.query("reset role");
}

/** The secrets of an endpoint, and which one is current. */
async function secretsOf(client: ClientBase, id: string) {
  const { rows } = await client.query<{ key: string; current: boolean }>(
    `select right(key_id, 1) as key, expires_at is null as current from app_private.webhook_secrets
     where endpoint_id = $1 order by key_id`,
    [id],
  );
  return rows.map(({ key, current }) => `${key}${current ? " current" : ""}`);
}

describe("a new secret", () => {
  it("leaves its endpoint the last one for a day, and no older; other endpoints keep theirs", () =>
    db.inTransaction(async (client) => {
      await store(client, world.admin);
      expect(await secretsOf(client, endpointId)).toEqual(["1", "f current"]);
      expect(await secretsOf(client, otherId)).toEqual(["0", "1 current"]);
      const { rows } = await client.query(
        "select id from app_public.webhook_endpoints where secret_made_at > '2026-01-02'",
      );
      expect(rows).toEqual([{ id: endpointId }]);
    }));

  it.each<[string, () => Person, () => string]>([
    ["to a provider", () => world.here.provider, () => endpointId],
    ["to another organization", () => world.abroad.clinicAdmin, () => endpointId],
    ["of an endpoint that is not there", () => world.owner, () => UNKNOWN],
  ])("is denied %s, as if there were no endpoint", (_whom, person, id) =>
    db.inTransaction((client) =>
      expect(store(client, person(), id())).rejects.toMatchObject({ code: "NTFND" }),
    ),
  );
});

it("a delivery is signed with the secrets that have not expired, the current one first", () =>
  db.inTransaction(async (client) => {
    await client.query(
      "update app_private.webhook_secrets set expires_at = now() where endpoint_id = $1 and expires_at is not null",
      [otherId],
    );
    const keys = async (id: string) => {
      const { rows: made } = await client.query<{ id: string }>(
        `insert into app_public.webhook_deliveries
           (organization_id, clinic_id, endpoint_id, event_id, event_kind, subject_ids)
         values ($1, $2, $3, gen_random_uuid(), 'appointment_created', array[gen_random_uuid()]) returning id`,
        [world.own, world.here.clinic.id, id],
      );
      await applySettings(client, { role: "app_worker", "app.organization_id": world.own });
      const { rows } = await client.query<{ key: string }>(
        "select right(key_id, 1) as key from app_hidden.webhook_to_deliver($1)",
        [made[0]?.id],
      );
      await client.query("reset role");
      return rows.map(({ key }) => key);
    };
    expect(await keys(endpointId)).toEqual(["1", "0"]);
    expect(await keys(otherId)).toEqual(["1"]);
  }));
