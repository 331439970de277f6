import { afterEach, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { createClient } from "graphql-ws";
import { WebSocket } from "ws";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { signToken } from "../../src/auth/signToken.ts";
import { Balancer } from "../support/Balancer.ts";
import { useTestDatabase } from "../support/database.ts";
import { ServeProcess } from "../support/ServeProcess.ts";
import { addSlowFunctions } from "../support/slowFunctions.ts";
import { eventually } from "./bailiwickProcess.ts";

// Every process builds the API from the database, on a machine that does other things.
jest.setTimeout(300_000);

const db = useTestDatabase();
const processes: ServeProcess[] = [];
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  await addSlowFunctions(db.superuser);
});
afterEach(async () => {
  await Promise.all(processes.splice(0).map((process) => process.stop("SIGKILL")));
});

/** What one person may ask for in a minute is less than the load of these tests. */
const WITHOUT_RATES = { RATE_LIMIT_USER: "0", RATE_LIMIT_ORGANIZATION: "0", RATE_LIMIT_ADDRESS: "0" };

function start(env: Record<string, string> = {}): ServeProcess {
  const process = new ServeProcess(db.config, db.urls.gateway, { ...WITHOUT_RATES, ...env });
  processes.push(process);
  return process;
}

const authorization = () => ({ authorization: `Bearer ${signToken(db.config.auth, world.here.provider)}` });

describe("an instance that is told to stop", () => {
  it("is not ready first, finishes what it has begun, sends websockets elsewhere and leaves in order", async () => {
    const process = start();
    const { url, adminUrl } = await process.addresses();
    const balancer = new Balancer(50);
    await balancer.add({ url, adminUrl });
    const closed = new Promise<number>((resolve) => {
      const client = createClient({
        url: `${url.replace("http", "ws")}/graphql`,
        webSocketImpl: WebSocket,
        lazy: false,
        retryAttempts: 0,
        connectionParams: { Authorization: authorization().authorization },
        onNonLazyError: () => undefined,
        on: { closed: (event) => resolve((event as { code: number }).code) },
      });
      void client;
    });
    await eventually(async () => /^bailiwick_websockets 1$/m.test(await metrics(adminUrl)));
    const slow = balancer.post({ query: "{ wait(seconds: 2.5) }" }, authorization());
    await eventually(async () => /^bailiwick_requests_inside 1$/m.test(await metrics(adminUrl)));

    const exit = process.stop();
    await eventually(async () => (await fetch(`${adminUrl}/ready`)).status === 503);
    const { checks } = (await (await fetch(`${adminUrl}/ready`)).json()) as {
      checks: Record<string, boolean>;
    };
    expect(checks).toEqual({ serving: false });
    // Whoever has not noticed yet is served, and asked not to come back.
    const late = await fetch(`${url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", ...authorization() },
      body: JSON.stringify({ query: "{ __typename }" }),
    });
    expect([late.status, late.headers.get("connection")]).toEqual([200, "close"]);

    expect(await slow).toMatchObject({ status: 200, text: '{"data":{"wait":2.5}}' });
    expect(await closed).toBe(1001);
    expect(await exit).toBe(0);
    expect(process.noise).toBe("");
    balancer.close();
  });
});

describe("two instances that are replaced one after the other", () => {
  it("fail no request", async () => {
    const balancer = new Balancer(100);
    const running = [start(), start()];
    for (const process of running) {
      await balancer.add(await process.addresses());
    }
    const answers = new Map<string, number>();
    let isOver = false;
    const load = Array.from({ length: 6 }, async () => {
      while (!isOver) {
        const outcome = await balancer
          .post({ query: "{ clinics { nodes { rowId } } }" }, authorization())
          .then(
            ({ status }) => String(status),
            (error: Error) => error.message,
          );
        answers.set(outcome, (answers.get(outcome) ?? 0) + 1);
      }
    });
    for (const process of running) {
      const next = start();
      await balancer.add(await next.addresses());
      const address = await process.addresses();
      expect(await process.stop()).toBe(0);
      balancer.remove(address);
    }
    isOver = true;
    await Promise.all(load);
    balancer.close();
    expect([...answers.keys()]).toEqual(["200"]);
    expect(answers.get("200")).toBeGreaterThan(50);
  });
});

async function metrics(adminUrl: string): Promise<string> {
  return (await fetch(`${adminUrl}/metrics`)).text();
}
