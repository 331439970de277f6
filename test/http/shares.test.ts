import { beforeAll, describe, expect, it, jest } from "@jest/globals";

import { createPerson } from "../../src/access/world/people.ts";
import { createWorld, type World } from "../../src/access/world/world.ts";
import { signToken } from "../../src/auth/signToken.ts";
import { useTestDatabase } from "../support/database.ts";
import { useServeProcess } from "../support/useServeProcess.ts";
import { ask } from "./rawRequest.ts";
import { RawSocket } from "./rawSocket.ts";

jest.setTimeout(60_000);

const ORIGIN = "https://app.example.com";
const db = useTestDatabase();
let world: World;
let authorization: string;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  authorization = `Bearer ${signToken(db.config.auth, world.here.provider)}`;
});

describe("a server with small shares", () => {
  const server = useServeProcess(db, {
    NODE_ENV: "production",
    RATE_LIMIT_ADDRESS: "50",
    RATE_LIMIT_USER: "1000",
    RATE_LIMIT_ORGANIZATION: "300",
    CORS_ORIGINS: ORIGIN,
  });

  it("counts an address as it is, whatever 1,000 values of X-Forwarded-For say", async () => {
    const statuses: number[] = [];
    for (let n = 0; n < 1000; n += 1) {
      const headers = { "x-forwarded-for": `10.${n % 256}.${n >> 8}.1` };
      statuses.push((await ask(server.url, "{ __typename }", { headers })).status);
    }
    expect(statuses.filter((status) => status === 200)).toHaveLength(50);
    expect(statuses.filter((status) => status === 429)).toHaveLength(950);
  });

  it("counts refused tokens as well", async () => {
    const { status, code } = await ask(server.url, "{ __typename }", {
      headers: { authorization: "Bearer x.y.z" },
    });
    expect([status, code]).toEqual([429, "TOO_MANY_REQUESTS"]);
  });

  it("tells a flooding organization when to come back, and serves the other one", async () => {
    const flood = "{ patients(first: 100) { nodes { rowId } } }";
    const headers = { authorization };
    const answers = [];
    for (let n = 0; n < 6; n += 1) {
      answers.push(await ask(server.url, flood, { headers }));
    }
    const [first, last] = [answers[0], answers.at(-1)];
    expect([first?.status, last?.status, last?.code]).toEqual([200, 429, "TOO_MANY_REQUESTS"]);
    expect(Number(last?.headers["retry-after"])).toBeGreaterThan(0);
    expect(last?.headers["ratelimit-remaining"]).toBe("0");
    // Somebody else of the same organization pays from the same share; naming another one costs that one nothing.
    const colleague = { authorization: `Bearer ${signToken(db.config.auth, world.there.provider)}` };
    expect((await ask(server.url, flood, { headers: colleague })).status).toBe(429);
    const naming = { ...headers, "x-organization-id": world.foreign };
    await ask(server.url, flood, { headers: naming });
    const stranger = { authorization: `Bearer ${signToken(db.config.auth, world.abroad.provider)}` };
    const served = await ask(server.url, flood, { headers: stranger });
    expect([served.status, served.headers["ratelimit-remaining"]]).toEqual([200, "199"]);
  });

  it("asks the database nothing for a person who has spent all, whatever program they say they are", async () => {
    const person = await createPerson(db.superuser);
    const bearer = `Bearer ${signToken(db.config.auth, person)}`;
    const from = (agent: string) =>
      ask(server.url, "{ patients(first: 500) { nodes { rowId } } }", {
        headers: { authorization: bearer, "user-agent": agent },
      });
    const answers = [await from("Firefox"), await from("curl"), await from("wget"), await from("lynx")];
    expect(answers.map(({ status }) => status)).toEqual([200, 429, 429, 429]);
    // The second had a point left when it came, and too few for what it asked.
    const { rowCount } = await db.superuser.query(
      "select from app_private.session_clients where session_id = $1",
      [person.sessionId],
    );
    expect(rowCount).toBe(2);
  });

  it("counts what is asked over a websocket in the same share", async () => {
    const admin = `Bearer ${signToken(db.config.auth, world.superadmin)}`;
    const remaining = async () => {
      const { headers } = await ask(server.url, "{ __typename }", { headers: { authorization: admin } });
      return Number(headers["ratelimit-remaining"]);
    };
    const before = await remaining();
    const socket = await new RawSocket(server.url).open({ authorization: admin });
    await socket.ask({ query: "{ patients(first: 100) { nodes { rowId } } }" });
    socket.close();
    // The connection, the operation, and the question after it.
    expect(await remaining()).toBe(before - 1 - 101 - 1);
  });

  it("lets pages of the listed origins ask, and no others", async () => {
    const preflight = (origin: string) =>
      fetch(`${server.url}/graphql`, {
        method: "OPTIONS",
        headers: {
          origin,
          "access-control-request-method": "POST",
          "access-control-request-headers": "authorization",
        },
      });
    const allowed = await preflight(ORIGIN);
    expect([allowed.status, allowed.headers.get("access-control-allow-origin")]).toEqual([204, ORIGIN]);
    expect(allowed.headers.get("access-control-allow-credentials")).toBeNull();
    for (const origin of [
      "null",
      `${ORIGIN}.evil.example`,
      "https://evil-app.example.com",
      "http://app.example.com",
    ]) {
      const refused = await preflight(origin);
      expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([405, null]);
      expect(refused.headers.get("vary")).toContain("Origin");
    }
  });
});
