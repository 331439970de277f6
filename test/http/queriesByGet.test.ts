import { request } from "node:http";
import { text } from "node:stream/consumers";

import { beforeAll, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";

const db = useTestDatabase();
const api = useGateway(db, {
  configure: (config) => ({ ...config, api: { ...config.api, corsOrigins: ["https://app.example.com"] } }),
});
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

async function get(members: Record<string, string> | [string, string][], headers?: Record<string, string>) {
  const response = await fetch(`${api.url}/graphql?${String(new URLSearchParams(members))}`, {
    headers: { authorization: `Bearer ${api.tokenOf(world.here.provider)}`, ...headers },
  });
  const body = JSON.parse(await response.text());
  return {
    status: response.status,
    headers: response.headers,
    body,
    code: body.errors?.[0]?.extensions?.code,
  };
}

const PATIENT = "query One($id: UUID!) { patientByRowId(rowId: $id) { rowId } }";
const LEAVE = "mutation Leave { logOut(input: {}) { clientMutationId } }";

describe("a GET", () => {
  it("can ask, with variables, under the caller's rights, and its answer is kept nowhere", async () => {
    const { id } = world.here.patient;
    const own = await get({ query: PATIENT, variables: JSON.stringify({ id }) });
    expect([own.status, own.body]).toEqual([200, { data: { patientByRowId: { rowId: id } } }]);
    expect(own.headers.get("cache-control")).toBe("no-store");
    const foreign = JSON.stringify({ id: world.abroad.patient.id });
    expect((await get({ query: PATIENT, variables: foreign })).body).toEqual({
      data: { patientByRowId: null },
    });
  });

  it.each([
    ["a mutation", { query: LEAVE }],
    [
      "one of several operations that is a mutation",
      { query: `query A { __typename } ${LEAVE}`, operationName: "Leave" },
    ],
    ["a subscription", { query: "subscription { notificationReceived { operation } }" }],
  ])("cannot be %s: 405, and nothing is done", async (_what, members) => {
    const refused = await get(members);
    expect([refused.status, refused.code]).toEqual([405, "METHOD_NOT_ALLOWED"]);
    expect(refused.headers.get("allow")).toBe("POST");
    expect(refused.body.data).toBeUndefined();
    expect((await get({ query: "{ viewer { rowId } }" })).body.data.viewer).not.toBeNull();
  });

  it("can be the query of a document that has mutations as well", async () => {
    const answer = await get({ query: `query A { __typename } ${LEAVE}`, operationName: "A" });
    expect(answer.body).toEqual({ data: { __typename: "Query" } });
  });

  it("cannot be a mutation by a body that it brings", async () => {
    const body = JSON.stringify({ query: LEAVE });
    const outgoing = request(`${api.url}/graphql`, {
      method: "GET",
      headers: {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
        authorization: `Bearer ${api.tokenOf(world.here.provider)}`,
      },
    });
    outgoing.end(body);
    const { promise, resolve } = Promise.withResolvers<string>();
    outgoing.on("response", (response) => void text(response).then(resolve));
    expect(JSON.parse(await promise).errors[0].extensions.code).toBe("BAD_REQUEST");
  });

  it.each<[string, [string, string][]]>([
    [
      "variables that are no JSON",
      [
        ["query", "{ __typename }"],
        ["variables", "{"],
      ],
    ],
    [
      "variables that are no object",
      [
        ["query", "{ __typename }"],
        ["variables", "[]"],
      ],
    ],
    [
      "two queries",
      [
        ["query", "{ __typename }"],
        ["query", "{ viewer { rowId } }"],
      ],
    ],
    ["no query", []],
  ])("is refused with 400: %s", async (_what, members) => {
    const { status, code } = await get(members);
    expect([status, code]).toEqual([400, "BAD_REQUEST"]);
  });

  it("is held to the limits of a POST, and pays as much", async () => {
    const deep = `{ ${"patients(first: 1) { nodes { homeClinic { ".repeat(4)}rowId${" } } }".repeat(4)} }`;
    expect((await get({ query: deep })).code).toBe("QUERY_TOO_COMPLEX");
    const remaining = async () =>
      Number((await get({ query: "{ __typename }" })).headers.get("ratelimit-remaining"));
    const before = await remaining();
    await get({ query: "{ patients(first: 100) { nodes { rowId } } }" });
    expect(before - (await remaining())).toBe(102);
  });

  it("is nobody's with a token in its address", async () => {
    const token = api.tokenOf(world.here.provider);
    const { status, code } = await get(
      { query: "{ viewer { rowId } }", access_token: token, authorization: `Bearer ${token}` },
      { authorization: "" },
    );
    expect([status, code]).toEqual([401, "UNAUTHENTICATED"]);
  });

  it("lets pages of listed origins read its answer, and no others", async () => {
    const originOf = async (origin: string) =>
      (await get({ query: "{ __typename }" }, { origin })).headers.get("access-control-allow-origin");
    expect(await originOf("https://app.example.com")).toBe("https://app.example.com");
    expect(await originOf("https://evil.example")).toBeNull();
  });
});
