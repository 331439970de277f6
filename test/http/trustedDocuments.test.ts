import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { signToken } from "../../src/auth/signToken.ts";
import { useTestDatabase } from "../support/database.ts";
import { useServeProcess } from "../support/useServeProcess.ts";
import { post } from "./rawRequest.ts";
import { codeOf, RawSocket } from "./rawSocket.ts";

jest.setTimeout(60_000);

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

describe.each(["production", "development"])("a server of trusted documents only, in %s", (mode) => {
  const server = useServeProcess(db, { NODE_ENV: mode, DOCUMENTS_DIR: folder, DOCUMENTS_ONLY: "true" });
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
    const socket = await new RawSocket(server.url).open({ authorization });
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
    const socket = await new RawSocket(server.url).open({ authorization });
    expect(codeOf(await socket.ask({ query: "", ...request }))).toMatch(/^(BAD_REQUEST|UNKNOWN_DOCUMENT)$/);
    socket.close();
  });

  it("runs one by its id in the address, and refuses others there", async () => {
    const get = (query: string) => fetch(`${server.url}/graphql?${query}`, { headers: { authorization } });
    const hash = encodeURIComponent(JSON.stringify(apollo(TRUSTED_ID).extensions));
    for (const query of [`documentId=${TRUSTED_ID}`, `doc_id=${TRUSTED_ID}`, `extensions=${hash}`]) {
      const response = await get(query);
      expect([response.status, await response.json()]).toEqual([200, { data: { __typename: "Query" } }]);
    }
    for (const query of [
      `query=${encodeURIComponent(OTHER)}`,
      `query=${encodeURIComponent(OTHER)}&documentId=${TRUSTED_ID}`,
      `documentId=${sha256(OTHER)}`,
      `documentId=${TRUSTED_ID}&documentId=${TRUSTED_ID}`,
    ]) {
      expect((await get(query)).status).toBe(400);
    }
  });
});
