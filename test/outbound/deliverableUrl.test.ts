import { beforeAll, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../src/access/world/world.ts";
import type { Config } from "../../src/config.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";

const NETWORKS = ["10.1.0.0/16", "127.0.0.0/8", "fd00::/8"];
const db = useTestDatabase();
const api = useGateway(db);
const withNetworks = useGateway(db, {
  configure: (config: Config) => ({ ...config, outbound: { ...config.outbound, webhookNetworks: NETWORKS } }),
});
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  await db.superuser.query("update app_public.subscriptions set plan = 'starter'");
});

const enter = async (gateway: typeof api, url: string) => {
  const { errors } = await gateway.query(
    world.owner,
    `mutation ($url: String!) { createWebhookEndpoint(input: { webhookEndpoint: {
       url: $url, eventKinds: [APPOINTMENT_CREATED] } }) { webhookEndpoint { rowId } } }`,
    { variables: { url } },
  );
  return errors?.[0]?.extensions;
};
const REFUSED = { code: "BAD_USER_INPUT", argument: "url" };

const PUBLIC = [
  "https://example.com/hooks?token=1",
  "https://example.com",
  "https://Example.com:8443/",
  "https://münchen.example/x",
  "https://hooks.2024.example/",
  "https://93.184.215.14/",
  "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/",
];
const PRIVATE = [
  "http://hooks.internal/x",
  "http://10.1.2.3:8080/x",
  "https://10.1.2.3/",
  "http://[fd00::1]/",
];
const LOCAL = ["http://127.0.0.1/x", "https://localhost/", "http://app.localhost:3000/"];
const IMPOSSIBLE = [
  "https://169.254.169.254/",
  "https://10.2.0.1/",
  "http://93.184.215.14/",
  "https://[::1]/",
  "https://[::ffff:127.0.0.1]/",
  "https://[fe80::1]/",
  "https://[1:2]/",
  "https://2130706433/",
  "https://127.1/",
  "https://0x7f.1/",
  "https://0177.0.0.1/",
  "https://256.1.1.1/",
  "https://example.com:99999/",
  "https://example.com:0/",
  "https://example.com:/",
  "https://%6cocalhost/",
  "https://ann:secret@example.com/",
  "ftp://example.com/",
  "https://./",
];

describe("the address of a webhook", () => {
  it.each(PUBLIC)("can be %s", async (url) => {
    expect(await enter(api, url)).toBeUndefined();
  });

  it.each([...PRIVATE, ...LOCAL])("can be %s in the operator's networks, and nowhere else", async (url) => {
    expect(await enter(withNetworks, url)).toBeUndefined();
    expect(await enter(api, url)).toMatchObject(REFUSED);
  });

  it.each(IMPOSSIBLE)("cannot be %s", async (url) => {
    expect(await enter(api, url)).toMatchObject(REFUSED);
    expect(await enter(withNetworks, url)).toMatchObject(REFUSED);
  });

  it("cannot become such a one; another change leaves alone what was entered before", () =>
    db.asUser(world.owner, async (request) => {
      const change = (set: string) =>
        request.attempt(
          `update app_public.webhook_endpoints set ${set} where organization_id = $1 and url like $2`,
          [world.own, "https://example.com/hooks%"],
        );
      expect(await change("url = 'https://example.com/hooks/2'")).toBe(1);
      await expect(change("url = 'https://127.0.0.1/'")).rejects.toMatchObject({
        code: "BADIN",
        column: "url",
      });
      expect(await change("active = false")).toBe(1);
    }));
});
