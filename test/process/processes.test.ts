import { readFileSync } from "node:fs";

import { afterEach, beforeAll, describe, expect, it, jest } from "@jest/globals";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { signToken } from "../../src/auth/signToken.ts";
import { useTestDatabase } from "../support/database.ts";
import { ServeProcess } from "../support/ServeProcess.ts";
import { eventually } from "./bailiwickProcess.ts";

// Every process builds the API from the database, on a machine that does other things.
jest.setTimeout(300_000);

const db = useTestDatabase();
let server: ServeProcess;
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});
afterEach(async () => void (await server.stop("SIGKILL")));

const start = (env: Record<string, string> = {}) => {
  server = new ServeProcess(db.config, db.urls.gateway, {
    GATEWAY_PROCESSES: "2",
    DRAIN_DELAY: "500",
    RATE_LIMIT_USER: "0",
    RATE_LIMIT_ORGANIZATION: "0",
    RATE_LIMIT_ADDRESS: "0",
    ...env,
  });
  return server;
};
const children = () =>
  readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, "utf8").trim().split(" ").map(Number);

const ASKERS = 4;

/** Asks until it is ended; every request over a connection of its own, so that all processes get some. */
function load(url: string) {
  const outcomes = new Map<string, number>();
  let isOver = false;
  const ask = async () => {
    while (!isOver) {
      const outcome = await fetch(`${url}/graphql`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          authorization: `Bearer ${signToken(db.config.auth, world.here.provider)}`,
          connection: "close",
        },
        body: JSON.stringify({ query: "{ clinics { nodes { rowId } } }" }),
      }).then(
        async (answer) => `${answer.status} ${(await answer.text()).includes("errors")}`,
        () => "lost",
      );
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
  };
  const asking = Array.from({ length: ASKERS }, ask);
  return {
    served: () => outcomes.get("200 false") ?? 0,
    lost: () => outcomes.get("lost") ?? 0,
    async end() {
      isOver = true;
      await Promise.all(asking);
      return outcomes;
    },
  };
}

describe("a gateway of two processes", () => {
  it("serves on one port, and answers for both on one other", async () => {
    const { url, adminUrl } = await start().addresses();
    expect(children()).toHaveLength(2);
    const requests = load(url);
    await eventually(() => requests.served() > 50);
    const outcomes = await requests.end();
    expect([...outcomes.keys()]).toEqual(["200 false"]);
    const ready = await fetch(`${adminUrl}/ready`);
    expect(ready.status).toBe(200);
    expect(((await ready.json()) as { checks: object }).checks).toMatchObject({
      serving: true,
      processes: true,
      database: true,
      rowSecurity: true,
    });
    const metrics = await (await fetch(`${adminUrl}/metrics`)).text();
    expect(metrics).toContain(
      `bailiwick_operations_total{kind="query",outcome="OK"} ${outcomes.get("200 false")}`,
    );
    expect(metrics).toContain('bailiwick_database_connections{state="allowed"} 10');
    expect(await server.stop()).toBe(0);
    expect(server.noise).toBe("");
  });

  it("goes on when one of them is killed, and replaces it", async () => {
    const { url, adminUrl } = await start().addresses();
    const [first, second] = children();
    const requests = load(url);
    await eventually(() => requests.served() > 20);
    process.kill(first ?? 0, "SIGKILL");
    await server.says("A gateway process has ended; it is replaced");
    const afterwards = requests.served();
    await eventually(() => requests.served() > afterwards + 20);
    const lost = requests.lost();
    await eventually(() => requests.served() > afterwards + 60);
    const outcomes = await requests.end();
    await eventually(async () => (await fetch(`${adminUrl}/ready`)).status === 200);
    expect(children()).toHaveLength(2);
    expect(children()).toContain(second);
    expect(children()).not.toContain(first);
    // Of each who asks, what the killed one had begun, and what it was given until it was missed; then nothing any more.
    expect(lost).toBeLessThanOrEqual(2 * ASKERS);
    expect(outcomes.get("lost") ?? 0).toBe(lost);
    outcomes.delete("lost");
    expect([...outcomes.keys()]).toEqual(["200 false"]);
    expect(await server.stop()).toBe(0);
  });

  it("that is told to stop says so first, finishes what it has begun, and leaves no process", async () => {
    const { url, adminUrl } = await start({ DRAIN_DELAY: "15000" }).addresses();
    const running = children();
    const requests = load(url);
    await eventually(() => requests.served() > 20);
    const stopping = server.stop();
    await eventually(async () => (await fetch(`${adminUrl}/ready`)).status === 503);
    const outcomes = await requests.end();
    expect([...outcomes.keys()]).toEqual(["200 false"]);
    expect(await stopping).toBe(0);
    expect(running.filter(isRunning)).toEqual([]);
  });

  it("leaves no process when it is killed itself", async () => {
    await start().addresses();
    const running = children();
    await server.stop("SIGKILL");
    await eventually(() => running.filter(isRunning).length === 0);
  });

  it("says why it cannot start, and ends", async () => {
    start({ GATEWAY_DATABASE_URL: "postgres://app_authenticator@127.0.0.1:1/none" });
    await expect(server.addresses()).rejects.toThrow(/exit 2.*ECONNREFUSED/s);
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
