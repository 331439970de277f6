import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";

import { describe, expect, it, jest } from "@jest/globals";

import { createPerson } from "../../src/access/world/people.ts";
import { signToken } from "../../src/auth/signToken.ts";
import { useTestDatabase } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { useServeProcess } from "../support/useServeProcess.ts";
import { ask } from "./rawRequest.ts";
import { RawSocket } from "./rawSocket.ts";

jest.setTimeout(60_000);

const POINTS = 4;
const CLOSE_UNAUTHORIZED = 4401;
const CLOSE_TRY_AGAIN = 1013;
const UPGRADE = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  "sec-websocket-protocol": "graphql-transport-ws",
};
const db = useTestDatabase();

describe("a server with few places for websockets, and small shares", () => {
  const server = useServeProcess(db, {
    NODE_ENV: "production",
    MAX_WEBSOCKETS: "3",
    MAX_WEBSOCKETS_PER_ADDRESS: "2",
    RATE_LIMIT_ADDRESS: String(POINTS),
    RATE_LIMIT_USER: String(POINTS),
    TRUSTED_PROXIES: "loopback",
  });
  const from = (address: string) => ({ headers: { "x-forwarded-for": address } });
  const somebody = async () => `Bearer ${signToken(db.config.auth, await createPerson(db.superuser))}`;
  /** As soon as those that have been closed are known to be. */
  async function open(address: string, authorization: string): Promise<RawSocket> {
    let socket = new RawSocket(server.url, from(address));
    await eventually(async () => {
      const opened = await socket.open({ authorization }).catch(() => null);
      socket = opened ?? new RawSocket(server.url, from(address));
      return opened !== null;
    });
    return socket;
  }
  const anonymously = async (address: string) =>
    (await ask(server.url, "{ __typename }", from(address))).status;

  /** Status of an upgrade, and when to come again; a socket that is made is closed at once, without a word. */
  async function upgrade(address: string, headers: object = {}): Promise<string> {
    const attempt = request(`${server.url}/graphql`, {
      headers: { ...UPGRADE, ...from(address).headers, ...headers },
    });
    attempt.end();
    const event = await Promise.race([once(attempt, "upgrade"), once(attempt, "response")]);
    const [{ statusCode, headers: answered }, socket = attempt] = event;
    socket.destroy();
    return [statusCode, answered["retry-after"]].filter(Boolean).join(" ");
  }

  /** The code with which a socket closes that introduces itself with a token. */
  async function closeCode(address: string, authorization: string): Promise<number> {
    const socket = new RawSocket(server.url, from(address));
    await socket.introduce({ authorization });
    return socket.closed;
  }

  it("refuses one too many of an address with 429, and of all with 503, until one has gone", async () => {
    const authorization = await somebody();
    const [first, second] = [await open("192.0.2.1", authorization), await open("192.0.2.1", authorization)];
    expect(await upgrade("192.0.2.1")).toBe("429 5");
    const third = await open("192.0.2.2", authorization);
    expect(await upgrade("192.0.2.3")).toBe("503 5");
    first.close();
    await eventually(async () => (await upgrade("192.0.2.2")) === "101");
    second.close();
    third.close();
  });

  it("lets whoever has spent all come again later, and others in from the same address", async () => {
    const authorization = await somebody();
    for (let n = 0; n < POINTS; n += 1) {
      (await open("192.0.2.10", authorization)).close();
    }
    expect(await closeCode("192.0.2.12", authorization)).toBe(CLOSE_TRY_AGAIN);
    (await open("192.0.2.12", await somebody())).close();
  });

  it("counts refused tokens, whose address then gets no more done without one", async () => {
    const address = "192.0.2.20";
    for (let n = 0; n < POINTS; n += 1) {
      expect(await closeCode(address, "Bearer x.y.z")).toBe(CLOSE_UNAUTHORIZED);
    }
    expect(await closeCode(address, "Bearer x.y.z")).toBe(CLOSE_TRY_AGAIN);
    expect(await anonymously(address)).toBe(429);
    (await open(address, await somebody())).close();
  });

  it("counts who never says a word, and who is refused before", async () => {
    expect(await upgrade("192.0.2.30", { origin: "https://evil.example" })).toBe("403");
    for (let n = 1; n < POINTS; n += 1) {
      await eventually(async () => (await upgrade("192.0.2.30")) === "101");
    }
    // Both places of the address are free again: whoever left is known to have left.
    const authorization = await somebody();
    const sockets = [await open("192.0.2.30", authorization), await open("192.0.2.30", authorization)];
    expect(await anonymously("192.0.2.30")).toBe(429);
    expect(await anonymously("192.0.2.31")).toBe(200);
    for (const socket of sockets) {
      socket.close();
    }
  });

  it("survives who leaves while being refused", async () => {
    const { hostname, port } = new URL(server.url);
    const head = Object.entries({ ...UPGRADE, host: "x", origin: "https://evil.example" });
    const lines = head.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    for (let n = 0; n < 50; n += 1) {
      const socket = connect(Number(port), hostname).on("error", () => undefined);
      await once(socket, "connect");
      socket.write(`GET /graphql HTTP/1.1\r\n${lines}\r\n`);
      setImmediate(() => socket.resetAndDestroy());
      await once(socket, "close");
    }
    expect(await anonymously("192.0.2.40")).toBe(200);
  });
});
