import { afterEach, beforeAll, describe, expect, it, jest } from "@jest/globals";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { errorsOf, useSubscriber } from "../graphql/subscriber.ts";
import { useTestDatabase } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { FaultProxy } from "../support/FaultProxy.ts";
import { useGateway } from "../support/graphql.ts";
import { addSlowFunctions } from "../support/slowFunctions.ts";

jest.setTimeout(60_000);

const db = useTestDatabase();
let proxy: FaultProxy;
let world: World;
const api = useGateway(db, {
  async prepare() {
    await addSlowFunctions(db.superuser);
    proxy = await FaultProxy.before(db.urls.gateway);
    return proxy.through(db.urls.gateway);
  },
  configure: (config) => ({ ...config, database: { ...config.database, gatewayPoolSize: 3 } }),
});
// After the gateway has let go of its connections.
db.beforeDrop(async () => {
  await api.gateway.close();
  await proxy.close();
});

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

const subscriber = useSubscriber(db, api);
const metrics = async () => (await fetch(`${api.gateway.adminUrl}/metrics`)).text();
/** With which the gateway closes a websocket when it may not have heard of rights that ended. */
const CLOSE_TRY_AGAIN = 1013;
const QUERY = "{ clinics { nodes { rowId } } }";
const ask = (query = QUERY) => api.query(world.here.provider, query);
const status = async (path: string) => (await fetch(`${api.gateway.adminUrl}${path}`)).status;
const healed = () => {
  proxy.heal();
  return eventually(async () => (await ask()).status === 200);
};

/** What a client must be told when the database is away, whatever took it away. */
async function expectOutage(answer: ReturnType<typeof ask>): Promise<void> {
  const { status, headers, errors, text } = await answer;
  expect([status, errors?.[0]?.extensions?.code]).toEqual([503, "UNAVAILABLE"]);
  expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
  expect(text).not.toMatch(/terminated|ECONN|socket|127\.0\.0\.1|stack/i);
}

afterEach(healed);

describe("a lost database", () => {
  it("is an outage (503 with Retry-After), alive but not ready, and over as soon as it is back", async () => {
    expect((await ask()).status).toBe(200);
    proxy.set({ refuses: true });
    proxy.cut();
    await expectOutage(ask());
    expect([await status("/live"), await status("/ready")]).toEqual([200, 503]);
    await healed();
    await eventually(async () => (await status("/ready")) === 200);
  });

  it("is told to whoever is in the middle of a statement", async () => {
    const answer = ask("{ wait(seconds: 5) }");
    await eventually(async () => (await running()) === 1);
    proxy.cut();
    await expectOutage(answer);
  });

  it("is told when the connection breaks while the answer is on its way", async () => {
    proxy.set({ cutAt: { words: "app_user", when: "after" } });
    await expectOutage(ask());
    expect(proxy.cuts).toBeGreaterThan(0);
  });

  it("costs a wrong token no connection and no other answer", async () => {
    proxy.set({ refuses: true });
    proxy.cut();
    const response = await fetch(`${api.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer wrong" },
      body: JSON.stringify({ query: QUERY }),
    });
    expect(response.status).toBe(401);
  });

  it("leaves no connection behind", async () => {
    for (let round = 0; round < 5; round++) {
      const answers = [ask(), ask(), ask(), ask()];
      proxy.cut();
      await Promise.all(answers);
    }
    await healed();
    await eventually(async () => (await connections()) <= 3);
  });
});

describe("subscriptions", () => {
  /** Opens five; each resolves with the code that its end is told with, of an error or of the closed socket. */
  async function openFive(): Promise<Promise<unknown>[]> {
    const query = "subscription { notificationReceived { operation } }";
    const open = Array.from({ length: 5 }, () => subscriber.as(world.here.provider, query));
    const endings = open.map((news) =>
      news.next().then(
        (given) => errorsOf(given)?.[0]?.extensions?.code,
        (ended: { extensions?: { code?: string } }[] | { code: number }) =>
          Array.isArray(ended) ? ended[0]?.extensions?.code : ended.code,
      ),
    );
    await subscriber.untilListening(`notifications:${world.here.provider.userId}`);
    await eventually(async () => /^bailiwick_websockets 5$/m.test(await metrics()));
    // All of them have asked for their right to listen by then: each took a connection.
    await eventually(async () =>
      /^bailiwick_database_wait_seconds_count (\d{2,}|[5-9])$/m.test(await metrics()),
    );
    return endings;
  }

  it("all end with UNAVAILABLE when the connection that listens is lost, and none is silently dead", async () => {
    const endings = await openFive();
    proxy.cut();
    expect(await Promise.all(endings)).toEqual(Array.from({ length: 5 }, () => "UNAVAILABLE"));
  });

  it("are all told when the network falls silent, at the latest by the end of their sockets", async () => {
    const endings = await openFive();
    proxy.set({ blackHole: "both" });
    for (const ending of await Promise.all(endings)) {
      expect(["UNAVAILABLE", CLOSE_TRY_AGAIN]).toContain(ending);
    }
    proxy.cut();
    await healed();
  });
});

describe("a network that has fallen silent", () => {
  it("is an outage when the server's own limit has passed, and the connection is given up", async () => {
    expect((await ask()).status).toBe(200);
    proxy.set({ blackHole: "both" });
    const beganAt = performance.now();
    await expectOutage(ask());
    const seconds = (performance.now() - beganAt) / 1000;
    // Ten are the server's own, or those in which a new connection has to stand; how long it takes beyond is the machine's.
    expect(seconds).toBeGreaterThan(9.9);
    expect(seconds).toBeLessThan(30);
    await eventually(() => proxy.abandoned > 0);
    // Nobody cuts the others: what was given up is replaced, and the gateway serves on.
    await healed();
    await eventually(() => proxy.abandoned === 0);
  });
});

async function running(): Promise<number> {
  const { rows } = await db.superuser.query(
    "select from pg_stat_activity where datname = $1 and state = 'active' and query like '%wait%' and pid <> pg_backend_pid()",
    [db.name],
  );
  return rows.length;
}

async function connections(): Promise<number> {
  const { rows } = await db.superuser.query(
    "select from pg_stat_activity where datname = $1 and application_name ~ '^bailiwick(-gateway| )'",
    [db.name],
  );
  return rows.length;
}
