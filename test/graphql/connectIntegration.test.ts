import { beforeAll, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";

const SECRET = "canary-4f0a9e";
const db = useTestDatabase();
const api = useGateway(db);
let world: World;
let integrationId: string;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  await db.superuser.query("update app_public.subscriptions set plan = 'starter'");
  const { data } = await api.query(
    world.owner,
    `mutation ($clinicId: UUID!) {
      createIntegration(input: { integration: { clinicId: $clinicId, provider: GOOGLE_SHEETS, name: "Figures" } }) {
        integration { rowId connectedAt }
      }
    }`,
    { variables: { clinicId: world.here.clinic.id } },
  );
  integrationId = data.createIntegration.integration.rowId;
});

const CONNECT = `mutation ($input: ConnectIntegrationInput!) {
  connectIntegration(input: $input) { clientMutationId integration { rowId connectedAt } query { __typename } }
}`;
const connect = (secret = SECRET, id = integrationId, person = world.owner) =>
  api.query(person, CONNECT, {
    variables: { input: { clientMutationId: "mine", integrationId: id, secret } },
  });
const stored = () =>
  db.superuser.query<{ ciphertext: Buffer }>("select ciphertext from app_private.integration_credentials");

describe("connectIntegration", () => {
  it("stores a secret sealed, and answers with the integration", async () => {
    const { data, text } = await connect();
    expect(data.connectIntegration).toEqual({
      clientMutationId: "mine",
      integration: { rowId: integrationId, connectedAt: expect.any(String) },
      query: { __typename: "Query" },
    });
    expect(text).not.toContain(SECRET);
    const { rows } = await stored();
    expect(rows).toHaveLength(1);
    expect(rows[0]?.ciphertext.includes(SECRET)).toBe(false);
  });

  it("denies others of the clinic, and another organization, with one answer", async () => {
    for (const person of [world.here.provider, world.there.clinicAdmin, world.abroad.clinicAdmin]) {
      const { errors, text } = await connect(SECRET, integrationId, person);
      expect(errors?.[0]?.extensions?.code).toBe("NOT_FOUND");
      expect(text).not.toContain(SECRET);
    }
  });

  it("refuses an empty secret and one that is too long, without repeating it", async () => {
    for (const secret of ["", "s".repeat(16_385)]) {
      const { errors, text } = await connect(secret);
      expect(errors?.[0]?.extensions?.code).toBe("BAD_USER_INPUT");
      expect(text.length).toBeLessThan(1000);
    }
  });

  it("is undone by disconnectIntegration", async () => {
    const { data } = await api.query(
      world.owner,
      `mutation ($id: UUID!) { disconnectIntegration(input: { integrationId: $id }) { result { connectedAt } } }`,
      { variables: { id: integrationId } },
    );
    expect(data.disconnectIntegration.result).toEqual({ connectedAt: null });
    expect((await stored()).rows).toEqual([]);
  });
});

describe("the API", () => {
  it("shows the features of the active organization, and its subscription to its owner", async () => {
    const query = `{
      viewer { features }
      hasFeature(key: "integrations")
      organizations { nodes { subscription { plan effectivePlan seats } } }
    }`;
    const { data } = await api.query(world.owner, query);
    expect(data).toEqual({
      viewer: { features: ["integrations"] },
      hasFeature: true,
      organizations: { nodes: [{ subscription: { plan: "STARTER", effectivePlan: "STARTER", seats: 25 } }] },
    });
    const { data: seenByStaff } = await api.query(world.here.staff, query);
    expect(seenByStaff.organizations.nodes).toEqual([{ subscription: null }]);
    expect(seenByStaff.viewer.features).toEqual(["integrations"]);
  });

  it("says SEAT_LIMIT when no seat is free", async () => {
    await db.superuser.query("update app_public.subscriptions set seats = 1");
    const { errors } = await api.query(
      world.owner,
      `mutation { inviteMember(input: { email: "guest@example.com" }) { result { code } } }`,
    );
    expect(errors?.[0]?.extensions?.code).toBe("SEAT_LIMIT");
  });

  it("has no field for credentials, webhook events or the writing of subscriptions", async () => {
    const { data } = await api.query(world.owner, "{ __schema { types { name fields { name } } } }");
    const names = JSON.stringify(data.__schema.types);
    expect(names).not.toMatch(/credential|webhookEvents?(?!Kind)|updateOrganizationSubscription/i);
  });
});
