import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { WebSocket } from "ws";

import { signToken } from "../../src/auth/signToken.ts";
import { useTestDatabase } from "../support/database.ts";
import { useServerProcess } from "../support/serverProcess.ts";
import { createWorld, type World } from "../support/world.ts";
import { ask, post } from "./rawRequest.ts";

jest.setTimeout(60_000);

const ORIGIN = "https://app.example.com";
const TRUSTED = "query Trusted { __typename }";
const TRUSTED_ID = createHash("sha256").update(TRUSTED).digest("hex");
/** Not one of the trusted ones; where it runs, it says who asks. */
const OTHER = "query Other { viewer { rowId } }";

const folder = mkdtempSync(join(tmpdir(), "documents-"));
writeFileSync(
  join(folder, "web.json"),
  JSON.stringify({ owner: "web", documents: { [TRUSTED_ID]: TRUSTED } }),
);
afterAll(() => rmSync(folder, { recursive: true }));

const db = useTestDatabase();
let world: World;
let authorization: string;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  authorization = `Bearer ${signToken(db.config.auth, world.here.provider)}`;
});

interface Message {
  type: string;
  id?: string;
  payload?: { data?: unknown; errors?: unknown } | { extensions?: { code?: string } }[];
}

class Socket {
  readonly messages: Message[] = [];
  readonly closed: Promise<number>;
  readonly #socket: WebSocket;

  constructor(url: string, options: { origin?: string } = {}) {
    this.#socket = new WebSocket(`${url.replace("http", "ws")}/graphql`, "graphql-transport-ws", options);
    this.#socket.on("message", (text: Buffer) => this.messages.push(JSON.parse(text.toString())));
    this.#socket.on("error", () => undefined);
    this.closed = new Promise((resolve) => this.#socket.once("close", resolve));
  }

  async open(payload: object): Promise<this> {
    await once(this.#socket, "open");
    this.send({ type: "connection_init", payload });
    await this.until(({ type }) => type === "connection_ack");
    return this;
  }

  send(message: object | string): void {
    this.#socket.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  async until(isIt: (message: Message) => boolean): Promise<Message> {
    for (let attempt = 0; attempt < 500; attempt += 1) {
      const message = this.messages.find(isIt);
      if (message) {
        return message;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`The server did not say it within five seconds, but: ${JSON.stringify(this.messages)}`);
  }

  /** Subscribes with a payload, and waits for what comes back first. */
  async ask(payload: object): Promise<Message> {
    const id = randomUUID();
    this.send({ type: "subscribe", id, payload });
    return this.until((message) => message.id === id);
  }

  close(): void {
    this.#socket.terminate();
  }
}

function codeOf({ payload }: Message): string | undefined {
  const [error] = Array.isArray(payload)
    ? payload
    : ((payload?.errors ?? []) as { extensions?: { code?: string } }[]);
  return error?.extensions?.code;
}

describe.each(["production", "development"])("websockets in %s", (mode) => {
  const server = useServerProcess(db, { NODE_ENV: mode, CORS_ORIGINS: ORIGIN });

  it("refuse a page of another origin with 403, and take one of a listed origin", async () => {
    for (const origin of ["https://evil.example", "null", `${ORIGIN}.evil.example`]) {
      const socket = new WebSocket(`${server.url.replace("http", "ws")}/graphql`, "graphql-transport-ws", {
        origin,
      });
      const [error] = await once(socket, "error");
      expect(String(error)).toContain("403");
    }
    const socket = await new Socket(server.url, { origin: ORIGIN }).open({ authorization });
    socket.close();
  });

  it("close when nobody says who is there, and after a message that is too large", async () => {
    const silent = new Socket(server.url);
    const loud = await new Socket(server.url).open({ authorization });
    loud.send("x".repeat(10_000_000));
    expect(await Promise.all([silent.closed, loud.closed])).toEqual([4408, 1009]);
  });

  it("run twenty operations at a time and no more", async () => {
    const socket = await new Socket(server.url).open({ authorization });
    const payload = {
      query: "subscription ($id: UUID!) { appointmentChanged(clinicId: $id) { operation } }",
      variables: { id: world.here.clinic.id },
    };
    for (let n = 0; n < 1000; n += 1) {
      socket.send({ type: "subscribe", id: String(n), payload });
    }
    await socket.until(({ id }) => id === "999");
    const refused = socket.messages.filter(({ type }) => type === "error");
    expect(refused).toHaveLength(980);
    expect(new Set(refused.map(codeOf))).toEqual(new Set(["TOO_MANY_REQUESTS"]));
    socket.close();
  });

  it("hold operations to the limits that HTTP has", async () => {
    const socket = await new Socket(server.url).open({ authorization });
    const levels = `{patients{nodes{homeClinic${"{patients{nodes{homeClinic".repeat(3)}{rowId}${"}}}".repeat(3)}}}}`;
    expect(codeOf(await socket.ask({ query: levels }))).toBe("QUERY_TOO_COMPLEX");
    expect(codeOf(await socket.ask({ query: "{patients(first:1000000000){nodes{rowId}}}" }))).toBe(
      "BAD_USER_INPUT",
    );
    expect(codeOf(await socket.ask({ query: "{patients{" }))).toBe("BAD_QUERY");
    socket.close();
  });
});

describe.each(["production", "development"])("a server of trusted documents only, in %s", (mode) => {
  const server = useServerProcess(db, { NODE_ENV: mode, DOCUMENTS_DIR: folder, DOCUMENTS_ONLY: "true" });
  const apollo = (sha256Hash: string) => ({ extensions: { persistedQuery: { version: 1, sha256Hash } } });
  const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

  it.each([
    ["documentId", { documentId: TRUSTED_ID }],
    ["documentId with its kind", { documentId: `sha256:${TRUSTED_ID}` }],
    ["Apollo's extension", apollo(TRUSTED_ID)],
    ["Relay's doc_id", { doc_id: TRUSTED_ID }],
    ["Relay's id", { id: TRUSTED_ID }],
    ["the text itself", { query: TRUSTED }],
  ])("runs one by %s, over HTTP and websocket", async (_name, request) => {
    const { status, text } = await post(server.url, JSON.stringify(request), { authorization });
    expect([status, JSON.parse(text)]).toEqual([200, { data: { __typename: "Query" } }]);
    const socket = await new Socket(server.url).open({ authorization });
    expect(await socket.ask({ query: "", ...request })).toMatchObject({
      payload: { data: { __typename: "Query" } },
    });
    socket.close();
  });

  it.each<[string, Record<string, unknown>]>([
    ["a text", { query: OTHER }],
    ["a text with the id of a trusted one", { query: OTHER, documentId: TRUSTED_ID }],
    ["a text with Apollo's hash of a trusted one", { query: OTHER, ...apollo(TRUSTED_ID) }],
    ["a text with its own hash", { query: OTHER, ...apollo(sha256(OTHER)) }],
    ["a text with its own hash as an id", { query: OTHER, documentId: `sha256:${sha256(OTHER)}` }],
    ["two ids", { documentId: TRUSTED_ID, id: "another" }],
    ["an unknown id", { documentId: sha256(OTHER) }],
    ["an unknown Relay id", { doc_id: "nope" }],
    ["a trusted text with a comment", { query: `${TRUSTED} #` }],
    ["an id of the wrong type", { documentId: { toString: TRUSTED_ID } }],
    ["nothing", {}],
  ])("refuses with 400, over HTTP and websocket: %s", async (_name, request) => {
    const { status, text } = await post(server.url, JSON.stringify(request), { authorization });
    expect(status).toBe(400);
    expect(text).not.toContain(world.here.provider.userId);
    const socket = await new Socket(server.url).open({ authorization });
    expect(codeOf(await socket.ask({ query: "", ...request }))).toMatch(/^(BAD_REQUEST|UNKNOWN_DOCUMENT)$/);
    socket.close();
  });

  it("refuses them in an address as well", async () => {
    for (const query of [`query=${encodeURIComponent(OTHER)}`, `documentId=${TRUSTED_ID}`]) {
      expect((await fetch(`${server.url}/graphql?${query}`)).status).toBe(405);
    }
  });
});

describe("a server with small shares", () => {
  const server = useServerProcess(db, {
    NODE_ENV: "production",
    RATE_LIMIT_ADDRESS: "50",
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

  it("counts what is asked over a websocket in the same share", async () => {
    const admin = `Bearer ${signToken(db.config.auth, world.superadmin)}`;
    const remaining = async () => {
      const { headers } = await ask(server.url, "{ __typename }", { headers: { authorization: admin } });
      return Number(headers["ratelimit-remaining"]);
    };
    const before = await remaining();
    const socket = await new Socket(server.url).open({ authorization: admin });
    await socket.ask({ query: "{ patients(first: 100) { nodes { rowId } } }" });
    socket.close();
    expect(await remaining()).toBe(before - 101 - 1);
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
