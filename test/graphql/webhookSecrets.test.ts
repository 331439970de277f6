import { beforeAll, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { makeCredentialBoxes } from "../../src/integrations/credentials.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";

const db = useTestDatabase();
const api = useGateway(db);
let world: World;
let endpointId: string;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  await db.superuser.query("update app_public.subscriptions set plan = 'starter'");
  const { data } = await api.query(
    world.owner,
    `mutation { createWebhookEndpoint(input: { webhookEndpoint: {
      url: "https://example.com/hooks", eventKinds: [APPOINTMENT_CREATED]
    } }) { webhookEndpoint { rowId secretMadeAt active } } }`,
  );
  endpointId = data.createWebhookEndpoint.webhookEndpoint.rowId;
});

const rotate = (person = world.owner) =>
  api.query(
    person,
    `mutation ($endpointId: UUID!) { rotateWebhookSecret(input: { endpointId: $endpointId, clientMutationId: "mine" }) {
      clientMutationId secret webhookEndpoint { rowId secretMadeAt } query { __typename }
    } }`,
    { variables: { endpointId } },
  );
/** The secrets that sign, the current one first. */
async function valid(): Promise<string[]> {
  const box = makeCredentialBoxes(db.config.integrations.keys)?.webhook_secrets;
  const { rows } = await db.superuser.query<{ keyId: string; nonce: Buffer; ciphertext: Buffer }>(
    `select key_id as "keyId", nonce, ciphertext from app_private.webhook_secrets
     where expires_at is null or expires_at between now() + interval '23 h' and now() + interval '1 day'
     order by expires_at nulls first`,
  );
  return rows.map((sealed) => box?.open(endpointId, sealed) ?? "");
}

describe("rotateWebhookSecret", () => {
  it("shows a secret once, keeps it sealed, and lets the one before it sign for another day", async () => {
    const secrets: string[] = [];
    for (let turn = 0; turn < 3; turn++) {
      const { data } = await rotate();
      expect(data.rotateWebhookSecret).toEqual({
        clientMutationId: "mine",
        secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/),
        webhookEndpoint: { rowId: endpointId, secretMadeAt: expect.any(String) },
        query: { __typename: "Query" },
      });
      secrets.unshift(data.rotateWebhookSecret.secret);
      expect(await valid()).toEqual(secrets.slice(0, 2));
    }
    const { rows } = await db.superuser.query<{ text: string }>(
      "select string_agg(s::text, '') as text from app_private.webhook_secrets s",
    );
    secrets.forEach((secret) => expect(rows[0]?.text).not.toContain(secret.slice("whsec_".length)));
  });

  it("denies others of the organization, and another organization, with one answer", async () => {
    const before = await valid();
    for (const person of [world.here.clinicAdmin, world.here.provider, world.abroad.clinicAdmin]) {
      const { data, errors } = await rotate(person);
      expect(errors?.[0]?.extensions?.code).toBe("NOT_FOUND");
      expect(data?.rotateWebhookSecret ?? null).toBeNull();
    }
    expect(await valid()).toEqual(before);
  });
});

describe("a webhook endpoint", () => {
  it.each([
    "ftp://example.com/",
    "https://user:password@example.com/",
    "https://example.com/#a",
    "https://example.com\\@127.0.0.1/",
    "https:///path",
    "nothing",
  ])("has no address such as %s", async (url) => {
    const { errors } = await api.query(
      world.owner,
      `mutation ($url: String!) { createWebhookEndpoint(input: { webhookEndpoint: {
        url: $url, eventKinds: [APPOINTMENT_CREATED]
      } }) { webhookEndpoint { rowId } } }`,
      { variables: { url } },
    );
    expect(errors?.[0]?.extensions?.code).toBe("BAD_USER_INPUT");
  });
});
