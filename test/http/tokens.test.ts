import { createHmac, randomUUID } from "node:crypto";

import { beforeAll, describe, expect, it, jest } from "@jest/globals";

import { signToken } from "../../src/auth/signToken.ts";
import { type Actor, useTestDatabase } from "../support/database.ts";
import { useIssuer } from "../support/issuer.ts";
import { createPerson, createSession } from "../support/people.ts";
import { requestConnections } from "../support/requestConnections.ts";
import { useServerProcess } from "../support/serverProcess.ts";
import { createWorld, type World } from "../support/world.ts";
import { ask, type RawAnswer } from "./rawRequest.ts";
import { sendLongToken } from "./sendLongToken.ts";

jest.setTimeout(60_000);

const CANARY = "Zx9-canary-Tk7";
const VIEWER = "{ viewer { rowId } }";
const provider = useIssuer("oidc");
const db = useTestDatabase();
let world: World;
let person: Actor;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  person = world.here.provider;
  await db.superuser.query("update app_public.patients set family_name = $1 where organization_id = $2", [
    CANARY,
    world.foreign,
  ]);
});

const encode = (part: unknown) =>
  Buffer.from(typeof part === "string" ? part : JSON.stringify(part)).toString("base64url");
const seconds = () => Math.floor(Date.now() / 1000);
const secret = () => db.config.auth.jwtSecret ?? "";

/** A token with a signature of HS256 that is right, whatever it says. */
function forge(header: unknown, payload: unknown, key = secret()): string {
  const signed = `${encode(header)}.${encode(payload)}`;
  return `${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`;
}

/** The claims of a good token of the person, changed. */
const claims = (changes: object = {}, { userId, sessionId } = person) => ({
  iss: "bailiwick",
  aud: "bailiwick",
  sub: userId,
  sid: sessionId,
  iat: seconds(),
  exp: seconds() + 900,
  ...changes,
});
const HEADER = { alg: "HS256", typ: "JWT" };
const sign = (changes: object = {}, header: object = {}) => forge({ ...HEADER, ...header }, claims(changes));
const without = (name: string) =>
  forge(HEADER, Object.fromEntries(Object.entries(claims()).filter(([key]) => key !== name)));
/** With a number that JSON.stringify would not write. */
const withExpiry = (text: string) =>
  forge(HEADER, JSON.stringify(claims({ exp: 0 })).replace('"exp":0', `"exp":${text}`));
const parts = () => sign().split(".") as [string, string, string];

/** Each line of the list of hostile tokens, and what it gets. */
const REFUSED: [string, () => string, number[]][] = [
  ["alg none", () => `${encode({ alg: "none" })}.${encode(claims())}.`, [401]],
  ["alg none with a signature", () => sign({}, { alg: "none" }), [401]],
  ["alg nOnE", () => sign({}, { alg: "nOnE" }), [401]],
  ["a kid that is a path", () => sign({}, { kid: "../../dev/null" }), [401]],
  ["a kid that is SQL", () => sign({}, { kid: "x' or '1'='1" }), [401]],
  ["an embedded jwk", () => sign({}, { jwk: { kty: "oct", k: encode("x") } }), [401]],
  ["a jku", () => sign({}, { jku: "http://127.0.0.1:1/jwks.json" }), [401]],
  ["an x5u", () => sign({}, { x5u: "http://127.0.0.1:1/cert.pem" }), [401]],
  ["an unknown crit", () => sign({}, { crit: ["exp"] }), [401]],
  ["role postgres", () => sign({ role: "postgres" }), [401, 403]],
  ["role app_authenticator", () => sign({ role: "app_authenticator" }), [403]],
  ["role authenticator", () => sign({ role: "authenticator" }), [403]],
  ["role none", () => sign({ role: "none" }), [403]],
  ["an empty role", () => sign({ role: "" }), [401]],
  ["role null", () => sign({ role: null }), [401]],
  ["several roles", () => sign({ role: ["app_user"] }), [401]],
  ["a role that is an object", () => sign({ role: { name: "app_user" } }), [401]],
  ["an org_id that is SQL", () => sign({ org_id: "x'; drop table" }), [401]],
  ["an exp of 31 seconds ago", () => sign({ exp: seconds() - 31 }), [401]],
  ["an exp that is a text", () => sign({ exp: "9999999999" }), [401]],
  ["an exp of 1e400", () => withExpiry("1e400"), [401]],
  ["an exp of 1e18", () => withExpiry("1e18"), [401]],
  ["a negative exp", () => sign({ exp: -1 }), [401]],
  ["no exp", () => without("exp"), [401]],
  ["an nbf ahead", () => sign({ nbf: seconds() + 60 }), [401]],
  ["another aud", () => sign({ aud: "elsewhere" }), [401]],
  ["no aud", () => without("aud"), [401]],
  ["another iss", () => sign({ iss: "elsewhere" }), [401]],
  ["the iss of the other issuer", () => sign({ iss: provider.issuer }, { kid: "key-1" }), [401]],
  ["several iss", () => sign({ iss: ["bailiwick"] }), [401]],
  ["no iss", () => without("iss"), [401]],
  ["another typ", () => sign({}, { typ: "refresh+jwt" }), [401]],
  ["no sub", () => without("sub"), [401]],
  ["no sid", () => without("sid"), [401]],
  ["a sub that is no uuid", () => sign({ sub: "alice" }), [401]],
  ["another secret", () => forge(HEADER, claims(), "another-secret-of-32-characters!!"), [401]],
  ["no signature", () => parts().slice(0, 2).join("."), [401]],
  ["an empty signature", () => `${parts().slice(0, 2).join(".")}.`, [401]],
  ["a shortened signature", () => sign().slice(0, -2), [401]],
  ["padding", () => `${sign()}=`, [401]],
  [
    "the alphabet of plain base64",
    () => forge({ ...HEADER, typ: "JWT", x: "???>>>" }, claims()).replace(/[-_]/, "+"),
    [401],
  ],
  [
    "stray bits at its end",
    () => sign().replace(/.$/, (last) => String.fromCharCode(last.charCodeAt(0) + 1)),
    [401],
  ],
  ["a public key as the secret", () => confuse(), [401]],
  ["more than 8 kB", () => sign({ padding: "x".repeat(8000) }), [401]],
  ["nothing", () => "", [401]],
  ["what is no token", () => "secret", [401]],
];

/** HS256 with what the other issuer has published. */
function confuse(): string {
  const pem = String(provider.publicKey.export({ format: "pem", type: "spki" }));
  return forge({ ...HEADER, kid: "key-1" }, claims({ iss: provider.issuer }), pem);
}

describe.each(["production", "development"])("a server in %s", (mode) => {
  const server = useServerProcess(db, {
    NODE_ENV: mode,
    get JWT_ISSUERS() {
      const { keys, ...issuer } = provider.config();
      return JSON.stringify([{ ...issuer, ...keys, authorizedParties: undefined }]);
    },
  });
  const answers: RawAnswer[] = [];
  async function send(
    token: string,
    headers: Record<string, string> = {},
    query = VIEWER,
  ): Promise<RawAnswer> {
    const answer = await ask(server.url, query, {
      headers: { authorization: `Bearer ${token}`, ...headers },
    });
    answers.push(answer);
    return answer;
  }
  const dataOf = ({ text }: RawAnswer) => JSON.parse(text).data;

  it("accepts a good token, with a connection to the database; also one that expired 27 seconds ago", async () => {
    const before = await requestConnections(db);
    const answer = await send(signToken(db.config.auth, person));
    expect(dataOf(answer)).toEqual({ viewer: { rowId: person.userId } });
    expect(before).not.toEqual(expect.arrayContaining(await requestConnections(db)));
    expect(dataOf(await send(sign({ exp: seconds() - 27 })))).toEqual({ viewer: { rowId: person.userId } });
    expect((await send(sign({ role: "authenticated" }))).status).toBe(200);
  });

  it.each(REFUSED)(
    "refuses a token with %s, without a connection to the database",
    async (_what, make, statuses) => {
      const before = await requestConnections(db);
      const token = make();
      const { status, text, code } = await send(token);
      expect(statuses).toContain(status);
      expect(before).toEqual(expect.arrayContaining(await requestConnections(db)));
      expect(code).toBe(status === 403 ? "FORBIDDEN" : "UNAUTHENTICATED");
      expect(token.length > 20 && text.includes(token)).toBe(false);
    },
  );

  it("refuses a token of 100 kB before it has read it, without a connection to the database", async () => {
    const before = await requestConnections(db);
    expect(await sendLongToken(server.url)).toMatch(/^HTTP\/1\.1 431 /);
    expect(before).toEqual(expect.arrayContaining(await requestConnections(db)));
  });

  it("ignores a token in the address, refuses two Authorization headers and other schemes", async () => {
    const token = signToken(db.config.auth, person);
    const inAddress = await fetch(`${server.url}/graphql?access_token=${token}&token=${token}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query: VIEWER }),
    });
    expect(inAddress.status).toBe(401);
    const twice = { authorization: [`Bearer ${token}`, `Bearer ${token}`] } as unknown as Record<
      string,
      string
    >;
    expect((await send(token, twice)).status).toBe(400);
    expect((await send(token, { authorization: `Basic ${token}` })).status).toBe(401);
  });

  it("shows nothing of an organization that the token names and the person does not belong to", async () => {
    const query = "{ patients { nodes { familyName } totalCount } }";
    const answer = await send(sign({ org_id: world.foreign }), {}, query);
    expect(dataOf(answer)).toEqual({ patients: { nodes: [], totalCount: 0 } });
    const token = provider.sign({ sub: randomUUID(), org_id: world.foreign });
    const outside = await send(token, {}, query);
    expect(outside.status).toBe(200);
    expect(dataOf(outside)).toEqual({ patients: { nodes: [], totalCount: 0 } });
  });

  it("refuses a refresh token that was used before, and ends all that came of it", async () => {
    const email = `${mode}@example.com`;
    const grant = "result { accessToken refreshToken }";
    const registered = await ask(
      server.url,
      `mutation { register(input: { email: "${email}", password: "correct horse battery" }) { ${grant} } }`,
    );
    const first = dataOf(registered).register.result;
    const refresh = (token: string) =>
      ask(server.url, `mutation { refreshSession(input: { refreshToken: "${token}" }) { ${grant} } }`);
    const next = dataOf(await refresh(first.refreshToken)).refreshSession.result;
    expect((await send(next.accessToken)).status).toBe(200);
    const again = await refresh(first.refreshToken);
    expect([again.status, again.code]).toEqual([401, "SESSION_REVOKED"]);
    expect((await send(next.accessToken)).status).toBe(401);
    expect((await refresh(next.refreshToken)).status).toBe(401);
  });

  it("denies the next request of somebody whose account was closed, or who is a superadmin no more", async () => {
    const closed = await createPerson(db.superuser);
    const token = signToken(db.config.auth, closed);
    expect((await send(token)).status).toBe(200);
    await db.superuser.query("update app_public.users set deleted_at = now() where id = $1", [closed.userId]);
    expect((await send(token)).status).toBe(401);

    const demoted = await createPerson(db.superuser, { isSuperadmin: true });
    const all = () => send(signToken(db.config.auth, demoted), {}, "{ organizations { totalCount } }");
    expect(dataOf(await all()).organizations.totalCount).toBeGreaterThan(1);
    await db.superuser.query("update app_public.users set is_superadmin = false where id = $1", [
      demoted.userId,
    ]);
    expect(dataOf(await all()).organizations.totalCount).toBe(0);
  });

  it("puts on record that a token comes from another client, once for each", async () => {
    const stolen = { userId: person.userId, sessionId: await createSession(db.superuser, person.userId) };
    const token = signToken(db.config.auth, stolen);
    for (const agent of ["Firefox", "Firefox", "curl", "curl"]) {
      expect((await send(token, { "user-agent": agent })).status).toBe(200);
    }
    const { rows } = await db.superuser.query(
      `select actor_id, changed_fields from app_audit.events
       where table_name = 'app_private.session_clients' and row_id = $1`,
      [stolen.sessionId],
    );
    expect(rows).toHaveLength(2);
    expect(rows[1]).toMatchObject({ actor_id: person.userId });
    const sessions = await send(
      token,
      {},
      "{ viewer { sessions { nodes { sessionId clientCount isCurrent } } } }",
    );
    expect(dataOf(sessions).viewer.sessions.nodes).toContainEqual({
      sessionId: stolen.sessionId,
      clientCount: 3,
      isCurrent: true,
    });
  });

  it("has written neither a foreign patient's name nor a token or secret anywhere", () => {
    const written = [server.output, ...answers.map(({ text }) => text)].join("\n");
    expect(written).not.toContain(CANARY);
    expect(server.output).not.toContain(secret());
    expect(server.output).not.toContain(parts()[0]);
    expect(answers.length).toBeGreaterThan(REFUSED.length);
  });
});
