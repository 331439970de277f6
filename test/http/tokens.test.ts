import { randomUUID } from "node:crypto";

import { beforeAll, describe, expect, it, jest } from "@jest/globals";

import { createPerson, createSession } from "../../src/access/world/people.ts";
import { createWorld, type World } from "../../src/access/world/world.ts";
import { signToken } from "../../src/auth/signToken.ts";
import { mailedCode } from "../support/accounts.ts";
import { type Actor, useTestDatabase } from "../support/database.ts";
import { useIssuer } from "../support/issuer.ts";
import { requestConnections } from "../support/requestConnections.ts";
import { useServeProcess } from "../support/useServeProcess.ts";
import { makeTokens, now } from "./hostileTokens.ts";
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

const tokens = makeTokens({
  secret: () => db.config.auth.jwtSecret ?? "",
  person: () => person,
  provider,
});
const { sign, refused } = tokens;

describe.each(["production", "development"])("a server in %s", (mode) => {
  const server = useServeProcess(db, {
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
    expect(dataOf(await send(sign({ exp: now() - 27 })))).toEqual({ viewer: { rowId: person.userId } });
    expect((await send(sign({ role: "authenticated" }))).status).toBe(200);
  });

  it.each(refused)(
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
    await ask(
      server.url,
      `mutation { register(input: { email: "${email}", password: "correct horse battery" }) { result } }`,
    );
    const code = await mailedCode(db.superuser, email);
    const confirmed = await ask(
      server.url,
      `mutation { confirmRegistration(input: { code: "${code}", password: "correct horse battery" }) { ${grant} } }`,
    );
    const first = dataOf(confirmed).confirmRegistration.result;
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
    expect(server.output).not.toContain(db.config.auth.jwtSecret);
    expect(server.output).not.toContain(sign().split(".")[0]);
    expect(answers.length).toBeGreaterThan(refused.length);
  });
});
