import { gzipSync } from "node:zlib";

import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { signToken } from "../../src/auth/signToken.ts";
import { useTestDatabase } from "../support/database.ts";
import { useServeProcess } from "../support/useServeProcess.ts";
import { post, type RawAnswer, sendBytes } from "./rawRequest.ts";

jest.setTimeout(60_000);

const CANARY = "Zx9-canary-Qw3";
const db = useTestDatabase();
const SET_GOAL = `mutation($n: BigFloat!) { createGoal(input: { goal: {
  area: FINANCIAL, metricKey: "revenue", name: "x", startsOn: "2026-01-01", endsOn: "2026-12-31", target: $n
} }) { goal { rowId } } }`;
const BIG_NUMBER = { n: `1${"0".repeat(308)}` };
const LATE = { d: "294277-01-01T00:00:00Z" };
const BRACED = { id: "{0198c5d8-7d2e-7c1a-9f00-1f2e3d4c5b6a}" };
const MANY = Array.from({ length: 2000 }, () => "0198c5d8-7d2e-7c1a-9f00-1f2e3d4c5b6a");
let world: World;
let authorization: string;
/** Every answer, to look for what must not be in any. */
const answers: RawAnswer[] = [];

beforeAll(async () => {
  world = await createWorld(db.superuser);
  await db.superuser.query("update app_public.patients set family_name = $1", [CANARY]);
  authorization = `Bearer ${signToken(db.config.auth, world.here.viewer)}`;
});

describe.each(["production", "development"])("a server in %s", (mode) => {
  const server = useServeProcess(db, { NODE_ENV: mode });

  async function send(body: string | Buffer, headers: Record<string, string> = {}) {
    const answer = await post(server.url, body, { authorization, ...headers });
    answers.push(answer);
    return answer;
  }
  const query = (text: string, variables?: object) => send(JSON.stringify({ query: text, variables }));
  const outcome = async (answer: Promise<RawAnswer>) => (await answer).status;

  it("refuses a mutation in the address with 405, and every method but GET and POST", async () => {
    const address = `${server.url}/graphql?query=${encodeURIComponent("mutation{__typename}")}`;
    const mutation = await fetch(address, { headers: { authorization } });
    expect([mutation.status, mutation.headers.get("allow")]).toEqual([405, "POST"]);
    for (const method of ["HEAD", "PUT", "DELETE"]) {
      const other = await fetch(address, { method, headers: { authorization } });
      expect([other.status, other.headers.get("allow")]).toEqual([405, "GET, POST"]);
    }
  });

  it.each([
    "application/x-www-form-urlencoded",
    "text/plain",
    "multipart/form-data; boundary=x",
    "application/json; charset=utf-7",
    "application/graphql",
  ])("refuses with 415: %s", async (type) => {
    expect(await outcome(send('{"query":"{__typename}"}', { "content-type": type }))).toBe(415);
  });

  it.each<[string, string | Buffer]>([
    ["a batch", '[{"query":"{__typename}"}]'],
    ["broken JSON", '{"query":'],
    ["100,000 brackets", "[".repeat(99_999)],
    ["deep variables", `{"query":"{__typename}","variables":{"a":${"[".repeat(9000)}${"]".repeat(9000)}}}`],
    ["NaN", '{"query":"{__typename}","variables":{"a":NaN}}'],
    ["a byte order mark", '\uFEFF{"query":"{__typename}"}'],
    [
      "bytes that are no UTF-8",
      Buffer.from([...Buffer.from('{"query":"'), 0xff, 0xfe, ...Buffer.from('"}')]),
    ],
  ])("refuses with 400: %s", async (_what, body) => {
    expect(await outcome(send(body))).toBe(400);
  });

  it("refuses more than 100 kB with 413, and what is packed with 415", async () => {
    expect(await outcome(send(`{"query":"{__typename} #${"x".repeat(100_000)}"}`))).toBe(413);
    const bomb = gzipSync(Buffer.alloc(10_000_000));
    expect(await outcome(send(bomb, { "content-encoding": "gzip" }))).toBe(415);
  });

  it.each([
    ["2,000 braces", `${"{a".repeat(2000)}${"}".repeat(2000)}`],
    ["a stack of 20,000 braces", "{a".repeat(20_000)],
    [
      "seven levels",
      "{patients{nodes{homeClinic{patients{nodes{homeClinic{patients{nodes{homeClinic{rowId}}}}}}}}}}",
    ],
    ["16 aliases", `{${Array.from({ length: 16 }, (_, n) => `a${n}:__typename`).join(" ")}}`],
    ["1,000 aliases", `{${Array.from({ length: 1000 }, (_, n) => `a${n}:__typename`).join(" ")}}`],
    ["1,000 times a field", `{${"__typename ".repeat(1000)}}`],
    ["a circle of fragments", "{...A} fragment A on Query{...B} fragment B on Query{...A}"],
    ["an explosion of fragments", explosion(16)],
    ["directives", `{__typename ${"@include(if:true)".repeat(60)}}`],
    ["a circle of introspection", `{__schema{types${"{fields{type".repeat(5)}{name}${"}}".repeat(5)}}}`],
    ["an answer in pieces", "{patients{nodes{rowId ... @defer{mrn}}}}"],
    ["500 × 500 rows", "{patients(first:500){nodes{appointments(first:500){nodes{rowId}}}}}"],
  ])("refuses with 400, in a clean sentence: %s", async (_what, text) => {
    const { status, code, message } = await query(text);
    expect([status, code]).toEqual([400, expect.stringMatching(/^(BAD_QUERY|QUERY_TOO_COMPLEX)$/)]);
    expect(message).not.toMatch(/call stack|\n\s+at /);
  });

  it("refuses them without a word to the database", async () => {
    const lastWord = async () => {
      const { rows } = await db.superuser.query(
        `select max(state_change)::text as at from pg_stat_activity
         where datname = $1 and usename = 'app_authenticator' and application_name <> 'bailiwick-limits'`,
        [db.name],
      );
      return rows[0].at;
    };
    const aliases = `{${Array.from({ length: 1000 }, (_, n) => `a${n}:viewer{rowId}`).join(" ")}}`;
    await query(aliases);
    // The gateway itself looks now and then whether row security still holds.
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const before = await lastWord();
      await Promise.all(Array.from({ length: 10 }, () => query(aliases)));
      if ((await lastWord()) === before) {
        return;
      }
    }
    throw new Error("Every round of ten refused documents had a statement in it.");
  });

  it("does not answer in pieces to a client that accepts nothing else", async () => {
    expect(await outcome(send('{"query":"{__typename}"}', { accept: "multipart/mixed" }))).toBe(406);
  });

  it.each(["first:1000000000", "first:-1", "first:0", "first:null", "first:1,last:1", "last:501"])(
    "refuses a page with its bounds: %s",
    async (page) => {
      const { status, message } = await query(`{patients(${page}){nodes{rowId}}}`);
      expect(status).toBe(400);
      expect(message).toMatch(/from 1 to 500|not both/);
    },
  );

  it.each([
    ["an offset", "{patients(offset:2147483647){nodes{rowId}}}", undefined],
    ["an offset beyond integers", "{patients(offset:2147483648){nodes{rowId}}}", undefined],
    ["an integer", "query($n:Int){patients(first:$n){nodes{rowId}}}", { n: 2147483648 }],
    ["a number", SET_GOAL, BIG_NUMBER],
    ["a year", "query($d:Datetime){appointments(filter:{startsAt:{lessThan:$d}}){totalCount}}", LATE],
    ["a date", "query($d:Date){patients(filter:{birthDate:{lessThan:$d}}){totalCount}}", LATE],
    ["a uuid in braces", "query($id:UUID!){patientByRowId(rowId:$id){rowId}}", BRACED],
    ["a pattern", `{patients(filter:{familyName:{like:"${"%".repeat(1000)}"}}){totalCount}}`, undefined],
    ["a list", "query($f:PatientFilter){patients(filter:$f){totalCount}}", { f: { rowId: { in: MANY } } }],
  ])("refuses with 400 what is out of range: %s", async (_what, text, variables) => {
    const { status, code } = await query(text, variables);
    expect([status, code]).toEqual([400, expect.stringMatching(/^BAD_(USER_INPUT|QUERY)$/)]);
  });

  it("offers no operator that evaluates patterns of the client's making", async () => {
    const { status, code } = await query(
      '{patients(filter:{familyName:{matchesRegex:"(a+)+$"}}){totalCount}}',
    );
    expect([status, code]).toEqual([400, "BAD_QUERY"]);
  });

  it("refuses a request with two lengths, which a proxy might read as two requests", async () => {
    const answer = await sendBytes(
      server.url,
      "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 5\r\n" +
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    );
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  });

  it("closes connections that never finish their headers or their body", async () => {
    const closed = await Promise.all([
      sendBytes(server.url, "POST /graphql HTTP/1.1\r\nHost: x\r\n"),
      sendBytes(
        server.url,
        "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{",
      ),
    ]);
    expect(closed.map((answer) => answer.split("\r\n")[0])).toEqual([
      expect.stringMatching(/408|^$/),
      expect.stringMatching(/408|^$/),
    ]);
  });

  it(`${mode === "production" ? "hides" : "shows"} its schema and what is like a wrong name`, async () => {
    const isShown = mode !== "production";
    expect(await outcome(query("{__schema{queryType{name}}}"))).toBe(isShown ? 200 : 400);
    expect(await outcome(query('{__type(name:"Patient"){name}}'))).toBe(isShown ? 200 : 400);
    const { text } = await query("{patient{familyNam}}");
    expect(text.includes("Did you mean")).toBe(isShown);
    const { text: ofVariable } = await query("query($f:PatientFilter){patients(filter:$f){totalCount}}", {
      f: { familyNam: {} },
    });
    expect(ofVariable.includes("Did you mean")).toBe(isShown);
    expect((await fetch(`${server.url}/`)).status).toBe(isShown ? 200 : 404);
  });

  it("has leaked nothing, in answers or in its log", () => {
    for (const text of [...answers.map((answer) => answer.text), server.output]) {
      expect(text).not.toContain(CANARY);
      expect(text).not.toMatch(/node_modules|\.ts:\d+|_pkey|_fkey|app_public/);
    }
  });
});

afterAll(() => {
  expect(answers.length).toBeGreaterThan(80);
});

/** Two to the power of `levels` fields in a document of a few hundred tokens. */
function explosion(levels: number): string {
  const fragments = Array.from(
    { length: levels },
    (_, n) => `fragment F${n} on Query{...F${n + 1} ...on Query{...F${n + 1}}}`,
  );
  return `{...F0} ${fragments.join(" ")} fragment F${levels} on Query{patients{totalCount}}`;
}
