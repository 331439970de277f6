import { randomBytes } from "node:crypto";

import { beforeAll, describe, expect, it } from "@jest/globals";

import type { Person } from "../../../src/access/world/people.ts";
import { applySettings, requestSettings } from "../../../src/access/world/rolledBack.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { makeCredentialBox } from "../../../src/integrations/credentials.ts";
import { type Request, useTestDatabase } from "../../support/database.ts";

const NOT_FOUND = { code: "NTFND" };
const SECRET = "canary-5d1f6c0b";
const box = makeCredentialBox([randomBytes(32)]);
const db = useTestDatabase();
let world: World;
let integrationId: string;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  await db.superuser.query("update app_public.subscriptions set plan = 'starter'");
  const { rows } = await db.superuser.query<{ id: string }>(
    `insert into app_public.integrations (organization_id, clinic_id, provider, name)
     values ($1, $2, 'google_sheets', 'Figures') returning id`,
    [world.own, world.here.clinic.id],
  );
  integrationId = rows[0]?.id ?? "";
});

function store(request: Request, id = integrationId, secret = SECRET): Promise<number> {
  const { keyId, nonce, ciphertext } = box.seal(id, secret);
  return request.attempt("select app_hidden.store_credential($1, $2, $3, $4)", [
    id,
    keyId,
    nonce,
    ciphertext,
  ]);
}

const connectedAt = (request: Request) =>
  request.value("select connected_at from app_public.integrations where id = $1", [integrationId]);

const disconnect = (request: Request) =>
  request.attempt("select app_public.disconnect_integration($1)", [integrationId]);

describe("a credential", () => {
  it.each([
    ["clinic administrator", () => world.here.clinicAdmin],
    ["owner", () => world.owner],
    ["admin", () => world.admin],
  ] as [string, () => Person][])("can be stored, replaced and forgotten by the %s", (_who, person) =>
    db.asUser(person(), async (request) => {
      expect(await connectedAt(request)).toBeNull();
      await store(request);
      await store(request, integrationId, "another");
      expect(await connectedAt(request)).toBeInstanceOf(Date);
      await disconnect(request);
      expect(await connectedAt(request)).toBeNull();
      await disconnect(request);
    }),
  );

  it.each([
    ["provider", () => world.here.provider],
    ["viewer", () => world.here.viewer],
    ["patient", () => world.portal],
    ["other clinic's administrator", () => world.there.clinicAdmin],
    ["other organization's administrator", () => world.abroad.clinicAdmin],
    ["superadmin", () => world.superadmin],
  ] as [string, () => Person][])("can neither be stored nor forgotten by the %s", (_who, person) =>
    db.asUser(
      person(),
      async (request) => {
        await expect(store(request)).rejects.toMatchObject(NOT_FOUND);
        await expect(disconnect(request)).rejects.toMatchObject(NOT_FOUND);
      },
      { purposeOfUse: "support" },
    ),
  );

  it("is stored and forgotten for the integration that was named, and for no other", () =>
    db.inTransaction(async (client) => {
      const { rows } = await client.query<{ id: string }>(
        `insert into app_public.integrations (organization_id, clinic_id, provider, name)
         values ($1, $2, 'google_sheets', 'Other') returning id`,
        [world.own, world.here.clinic.id],
      );
      const otherId = rows[0]?.id ?? "";
      const run = async (sql: string, values: unknown[]) => {
        await applySettings(client, requestSettings(world.owner));
        await client.query(sql, values);
        await client.query("reset role");
        const { rows: stored } = await client.query(
          `select i.id, i.connected_at is not null as connected, c.key_id is not null as stored
           from app_public.integrations i left join app_private.integration_credentials c on c.integration_id = i.id
           where i.connected_at is not null or c.key_id is not null order by i.name`,
        );
        return stored;
      };
      const store = (id: string) => {
        const { keyId, nonce, ciphertext } = box.seal(id, SECRET);
        const values = [id, keyId, nonce, ciphertext];
        return run("select app_hidden.store_credential($1, $2, $3, $4)", values);
      };
      const kept = (id: string) => ({ id, connected: true, stored: true });
      expect(await store(integrationId)).toEqual([kept(integrationId)]);
      expect(await store(otherId)).toEqual([kept(integrationId), kept(otherId)]);
      expect(await run("select app_public.disconnect_integration($1)", [integrationId])).toEqual([
        kept(otherId),
      ]);
    }));

  it("of an integration that is not there gets the same answer", () =>
    db.asUser(world.owner, (request) =>
      expect(store(request, "00000000-0000-7000-8000-000000000009")).rejects.toMatchObject(NOT_FOUND),
    ));

  it("cannot be stored without the feature", () =>
    db.inTransaction(async (client) => {
      await client.query("update app_public.subscriptions set plan = 'free'");
      await client.query("select set_config('jwt.claims.sub', $1, true)", [world.owner.userId]);
      await client.query("set local role app_user");
      const { keyId, nonce, ciphertext } = box.seal(integrationId, SECRET);
      await expect(
        client.query("select app_hidden.store_credential($1, $2, $3, $4)", [
          integrationId,
          keyId,
          nonce,
          ciphertext,
        ]),
      ).rejects.toMatchObject(NOT_FOUND);
    }));

  it.each([
    ["a key id that is no fingerprint", "key", randomBytes(12), randomBytes(32)],
    ["a short nonce", "0123456789abcdef", randomBytes(8), randomBytes(32)],
    ["no more than a tag", "0123456789abcdef", randomBytes(12), randomBytes(16)],
    ["too much", "0123456789abcdef", randomBytes(12), randomBytes(16_401)],
  ])("is refused with %s", (_what, keyId, nonce, ciphertext) =>
    db.asUser(world.owner, (request) =>
      expect(
        request.attempt("select app_hidden.store_credential($1, $2, $3, $4)", [
          integrationId,
          keyId,
          nonce,
          ciphertext,
        ]),
      ).rejects.toMatchObject({ code: "23514" }),
    ),
  );

  it("never uses a nonce twice with one key", () =>
    db.asUser(world.owner, async (request) => {
      const { keyId, nonce, ciphertext } = box.seal(integrationId, SECRET);
      await store(request);
      const other = await request.value<string>(
        `insert into app_public.integrations (organization_id, clinic_id, provider, name)
         values ($1, $2, 'google_sheets', 'Other') returning id`,
        [world.own, world.here.clinic.id],
      );
      const sql = "select app_hidden.store_credential($1, $2, $3, $4)";
      await request.attempt(sql, [integrationId, keyId, nonce, ciphertext]);
      await expect(request.attempt(sql, [other, keyId, nonce, ciphertext])).rejects.toMatchObject({
        code: "23505",
      });
    }));

  it("is read by the worker inside the organization of its job only, and opens", () =>
    db.inTransaction(async (client) => {
      const { keyId, nonce, ciphertext } = box.seal(integrationId, SECRET);
      await client.query(
        `insert into app_private.integration_credentials
           (integration_id, organization_id, clinic_id, key_id, nonce, ciphertext) values ($1, $2, $3, $4, $5, $6)`,
        [integrationId, world.own, world.here.clinic.id, keyId, nonce, ciphertext],
      );
      const read = async (organizationId: string) => {
        await client.query("reset role");
        await client.query("select set_config('app.organization_id', $1, true)", [organizationId]);
        await client.query("set local role app_worker");
        const { rows } = await client.query("select * from app_hidden.sealed_credential($1)", [
          integrationId,
        ]);
        return rows as { key_id: string; nonce: Buffer; ciphertext: Buffer }[];
      };
      expect(await read(world.foreign)).toEqual([]);
      const [sealed] = await read(world.own);
      expect(sealed?.ciphertext.includes(SECRET)).toBe(false);
      expect(sealed && box.open(integrationId, { ...sealed, keyId: sealed.key_id })).toBe(SECRET);
    }));

  it.each([
    "select * from app_private.integration_credentials",
    "select * from app_hidden.sealed_credential(gen_random_uuid())",
    "insert into app_private.integration_credentials (key_id) values ('')",
  ])("is out of reach of a request: %s", async (sql) => {
    for (const person of [world.owner, world.here.clinicAdmin, world.superadmin]) {
      await db.asUser(person, (request) =>
        expect(request.attempt(sql)).rejects.toMatchObject({ code: "42501" }),
      );
    }
    await db.asAnonymous((request) => expect(request.attempt(sql)).rejects.toMatchObject({ code: "42501" }));
  });

  it("leaves in the audit that it was stored, and nothing of itself", () =>
    db.inTransaction(async (client) => {
      const { keyId, nonce, ciphertext } = box.seal(integrationId, SECRET);
      await client.query("select set_config('jwt.claims.sub', $1, true)", [world.owner.userId]);
      await client.query("set local role app_user");
      await client.query("select app_hidden.store_credential($1, $2, $3, $4)", [
        integrationId,
        keyId,
        nonce,
        ciphertext,
      ]);
      await client.query("reset role");
      const { rows } = await client.query(
        `select actor_id, actor_role, command, row_id, organization_id
         from app_audit.events where table_name = 'app_private.integration_credentials'`,
      );
      expect(rows).toEqual([
        {
          actor_id: world.owner.userId,
          actor_role: "app_user",
          command: "INSERT",
          row_id: integrationId,
          organization_id: world.own,
        },
      ]);
    }));
});
