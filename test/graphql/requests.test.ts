import { request as httpRequest } from "node:http";

import { beforeAll, describe, expect, it } from "@jest/globals";

import { createPerson, type Person } from "../../src/access/world/people.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";

const db = useTestDatabase();
const api = useGateway(db);
let person: Person;

beforeAll(async () => {
  person = await createPerson(db.superuser);
});

const QUERY = JSON.stringify({ query: "{ __typename }" });
const UUID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;

/** Posts any body with any headers; fetch would refuse some of them. */
async function post(
  headers: Record<string, string | string[]>,
  body: string | Buffer = QUERY,
  method = "POST",
) {
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number;
    text: string;
    code: string;
  }>();
  const request = httpRequest(`${api.url}/graphql`, { method, headers }, (response) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("end", () => {
      const text = Buffer.concat(chunks).toString();
      const code = JSON.parse(text).errors?.[0]?.extensions?.code;
      resolve({ status: response.statusCode ?? 0, text, code });
    });
  });
  request.on("error", reject);
  request.end(body);
  return promise;
}

const JSON_TYPE = { "content-type": "application/json" };

describe("what is no GraphQL request", () => {
  it.each([
    ["a form", "application/x-www-form-urlencoded"],
    ["plain text", "text/plain"],
    ["a form with files", "multipart/form-data; boundary=x"],
    ["JSON in another character set", "application/json; charset=utf-7"],
    ["something like JSON", "application/json+x"],
  ])("is refused: %s", async (_what, contentType) => {
    await expect(post({ "content-type": contentType })).resolves.toMatchObject({
      status: 415,
      code: "UNSUPPORTED_MEDIA_TYPE",
    });
  });

  it("is refused: a body without a type, and a compressed one", async () => {
    await expect(post({})).resolves.toMatchObject({ status: 415 });
    await expect(post({ ...JSON_TYPE, "content-encoding": "gzip" })).resolves.toMatchObject({ status: 415 });
  });

  it.each(["PUT", "DELETE", "OPTIONS"])("is refused: %s", async (method) => {
    await expect(post(JSON_TYPE, "", method)).resolves.toMatchObject({
      status: 405,
      code: "METHOD_NOT_ALLOWED",
    });
  });

  it.each([
    ["a batch", `[${QUERY}]`],
    ["a text", '"{ __typename }"'],
    ["broken JSON", '{"query": '],
    ["100,000 brackets", "[".repeat(99_000)],
    ["no query", "{}"],
    ["a query that is no text", '{"query": 1}'],
    ["variables that are a list", '{"query": "{ __typename }", "variables": []}'],
    ["an operation name that is no text", '{"query": "{ __typename }", "operationName": {}}'],
  ])("is refused: %s", async (_what, body) => {
    await expect(post(JSON_TYPE, body)).resolves.toMatchObject({ status: 400, code: "BAD_REQUEST" });
  });

  it("is refused: more than 100 kB, said or not", async () => {
    const body = JSON.stringify({ query: `{ __typename } #${"x".repeat(100_000)}` });
    await expect(post(JSON_TYPE, body)).resolves.toMatchObject({ status: 413, code: "PAYLOAD_TOO_LARGE" });
    const chunked = { ...JSON_TYPE, "transfer-encoding": "chunked" };
    await expect(post(chunked, body)).resolves.toMatchObject({ status: 413, code: "PAYLOAD_TOO_LARGE" });
  });

  it("is refused: a client that accepts no JSON", async () => {
    await expect(post({ ...JSON_TYPE, accept: "text/html" })).resolves.toMatchObject({
      status: 406,
      code: "NOT_ACCEPTABLE",
    });
  });
});

describe("headers", () => {
  it("are refused with 400: two Authorization headers", async () => {
    const token = `Bearer ${api.tokenOf(person)}`;
    await expect(post({ ...JSON_TYPE, authorization: [token, token] })).resolves.toMatchObject({
      status: 400,
    });
  });

  it("are refused with 400: a malformed X-Organization-Id, with or without a token", async () => {
    const headers = { "X-Organization-Id": "acme" };
    await expect(api.query(person, "{ __typename }", { headers })).resolves.toMatchObject({ status: 400 });
    await expect(api.query(null, "{ __typename }", { headers })).resolves.toMatchObject({ status: 400 });
  });

  it("are refused with 401 before a database connection is taken: a token that does not verify", async () => {
    const connections = async () => {
      const { rows } = await db.superuser.query(
        "select count(*)::int as count from pg_stat_activity where usename = 'app_authenticator' and datname = $1",
        [db.name],
      );
      return rows[0].count;
    };
    const before = await connections();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => post({ ...JSON_TYPE, authorization: "Bearer x.y.z" })),
    );
    expect(new Set(answers.map(({ status, code }) => `${status} ${code}`))).toEqual(
      new Set(["401 UNAUTHENTICATED"]),
    );
    expect(await connections()).toBe(before);
  });

  it("carry the request id in and out, if it is harmless", async () => {
    const kept = await api.query(person, "{ nope }", { headers: { "X-Request-Id": "trace-1.2_3" } });
    expect(kept.headers.get("x-request-id")).toBe("trace-1.2_3");
    expect(kept.errors?.[0]?.extensions?.requestId).toBe("trace-1.2_3");
    const replaced = await api.query(person, "{ __typename }", { headers: { "X-Request-Id": "a b;c" } });
    expect(replaced.headers.get("x-request-id")).toMatch(UUID);
  });

  it("keep answers out of caches and frames", async () => {
    const { headers } = await api.query(person, "{ __typename }");
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(headers.has("access-control-allow-origin")).toBe(false);
    expect(headers.has("x-powered-by")).toBe(false);
  });

  it("do not carry a token in the address", async () => {
    const response = await fetch(`${api.url}/graphql?access_token=${api.tokenOf(person)}`, {
      method: "POST",
      headers: JSON_TYPE,
      body: JSON.stringify({ query: "{ viewer { rowId } }" }),
    });
    expect(response.status).toBe(401);
  });
});

describe("other addresses", () => {
  it("show the explorer at /", async () => {
    const response = await fetch(`${api.url}/`);
    expect(response.status).toBe(200);
    const page = await response.text();
    expect(page).toContain("Ruru");
    // Not Ruru's own text, which knows nothing of who may ask.
    expect(page).toContain("viewerCanBook");
    expect(page).toContain("Authorization");
  });

  it("have no icon for the explorer, without an error", async () => {
    const response = await fetch(`${api.url}/favicon.ico`);
    expect([response.status, await response.text()]).toEqual([204, ""]);
  });

  it("answer 404 in the shape of every error", async () => {
    const response = await fetch(`${api.url}/nope`);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: "NOT_FOUND" } }] });
  });

  it("tell on the other port that the process lives and can work", async () => {
    const { adminUrl } = api.gateway;
    await expect(fetch(`${adminUrl}/live`).then((response) => response.json())).resolves.toEqual({
      live: true,
    });
    const ready = await fetch(`${adminUrl}/ready`);
    expect([ready.status, await ready.json()]).toEqual([
      200,
      {
        ready: true,
        checks: {
          serving: true,
          database: true,
          migrations: true,
          rowSecurity: true,
          worker: true,
          audit: true,
        },
      },
    ]);
    await expect(fetch(`${adminUrl}/graphql`)).resolves.toMatchObject({ status: 404 });
  });
});
