import { describe, expect, it } from "@jest/globals";
import jwt from "jsonwebtoken";

import { mailedCode } from "../support/accounts.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";

const db = useTestDatabase();
const api = useGateway(db);

const GRANT = "result { accessToken refreshToken userId sessionId }";
const REGISTER = `mutation ($email: String!) {
  register(input: { email: $email, password: "correct horse battery", displayName: "Jo" }) { result }
}`;
const CONFIRM = `mutation ($code: String!) {
  confirmRegistration(input: { code: $code, password: "correct horse battery" }) { ${GRANT} }
}`;
const LOG_IN = `mutation ($email: String!, $password: String!) {
  logIn(input: { email: $email, password: $password }) { ${GRANT} }
}`;
const REFRESH = `mutation ($token: String!) { refreshSession(input: { refreshToken: $token }) { ${GRANT} } }`;
const VIEWER = "{ viewer { rowId email profile { displayName } } }";

let count = 0;

/** Registers somebody new, who confirms it; what that granted, and the address. */
async function register() {
  const email = `jo-${++count}@example.com`;
  const asked = await api.query(null, REGISTER, { variables: { email } });
  expect(asked.data).toEqual({ register: { result: true } });
  const code = await mailedCode(db.superuser, email);
  const { data, errors } = await api.query(null, CONFIRM, { variables: { code } });
  expect(errors).toBeUndefined();
  return { email, grant: data.confirmRegistration.result };
}

const withToken = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

describe("signing in", () => {
  it("registers a person, who has a profile and a token of 15 minutes with the code from the mail", async () => {
    const { email, grant } = await register();
    const claims = jwt.decode(grant.accessToken) as jwt.JwtPayload;
    expect(claims).toMatchObject({
      sub: grant.userId,
      sid: grant.sessionId,
      iss: "bailiwick",
      aud: "bailiwick",
    });
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(900);
    const { data } = await api.query(null, VIEWER, withToken(grant.accessToken));
    expect(data.viewer).toEqual({ rowId: grant.userId, email, profile: { displayName: "Jo" } });
  });

  it("gives the same answer for a wrong password and an unknown address", async () => {
    const { email } = await register();
    const headers = { "X-Request-Id": "same" };
    const wrong = await api.query(null, LOG_IN, { variables: { email, password: "wrong" }, headers });
    const unknown = await api.query(null, LOG_IN, {
      variables: { email: "no@example.com", password: "x" },
      headers,
    });
    expect(wrong.text).toBe(unknown.text);
    expect(wrong.errors?.[0]?.extensions?.code).toBe("INVALID_CREDENTIALS");
  });

  it("exchanges a refresh token once, and ends the session when it comes again", async () => {
    const { grant } = await register();
    const refresh = (token: string) => api.query(null, REFRESH, { variables: { token } });
    const next = (await refresh(grant.refreshToken)).data.refreshSession.result;
    expect((await api.query(null, VIEWER, withToken(next.accessToken))).status).toBe(200);

    const again = await refresh(grant.refreshToken);
    expect(again.errors?.[0]?.extensions?.code).toBe("SESSION_REVOKED");
    expect(again.data).toEqual({ refreshSession: null });
    expect((await api.query(null, VIEWER, withToken(next.accessToken))).status).toBe(401);
    expect((await refresh(next.refreshToken)).errors?.[0]?.extensions?.code).toBe("SESSION_REVOKED");
  });

  it("denies the next request after signing out", async () => {
    const { grant } = await register();
    const out = await api.query(
      null,
      "mutation { logOut(input: {}) { clientMutationId } }",
      withToken(grant.accessToken),
    );
    expect(out.errors).toBeUndefined();
    expect((await api.query(null, VIEWER, withToken(grant.accessToken))).status).toBe(401);
  });
});

describe("trying passwords", () => {
  const wrong = (email: string, password = "wrong wrong wrong") =>
    api.query(null, LOG_IN, { variables: { email, password }, headers: { "X-Request-Id": "same" } });

  it("has to wait after ten failures, with the same bytes for an unknown address, and then the right one too", async () => {
    const { email } = await register();
    const answersFor = async (address: string) => {
      const answers = [];
      for (let attempt = 0; attempt < 11; attempt += 1) {
        answers.push(await wrong(address));
      }
      return answers;
    };
    const [known, unknown] = [await answersFor(email), await answersFor("nobody@example.com")];
    expect(known.map(({ text }) => text)).toEqual(unknown.map(({ text }) => text));
    expect(known.map(({ errors }) => errors?.[0]?.extensions?.code)).toEqual([
      ...Array(10).fill("INVALID_CREDENTIALS"),
      "TOO_MANY_REQUESTS",
    ]);
    const last = await wrong(email, "correct horse battery");
    expect(last.status).toBe(429);
    expect(Number(last.headers.get("retry-after"))).toBeGreaterThan(800);
  });

  it("counts every attempt of one request", async () => {
    const attempt = `logIn(input: { email: "alias@example.com", password: "x" }) { clientMutationId }`;
    const aliases = Array.from({ length: 11 }, (_, index) => `a${index}: ${attempt}`).join("\n");
    const { status, errors } = await api.query(null, `mutation { ${aliases} }`);
    expect(status).toBe(429);
    expect(errors?.map(({ extensions }) => extensions?.code)).toEqual([
      ...Array(10).fill("INVALID_CREDENTIALS"),
      "TOO_MANY_REQUESTS",
    ]);
  });

  it("does not count who signs in", async () => {
    const { email } = await register();
    for (let attempt = 0; attempt < 12; attempt += 1) {
      expect((await wrong(email, "correct horse battery")).errors).toBeUndefined();
    }
  });
});

describe("the sessions of the viewer", () => {
  const SESSIONS = "{ viewer { sessions { nodes { sessionId deviceName isCurrent } } } }";
  const sessionsOf = async (token: string) =>
    (await api.query(null, SESSIONS, withToken(token))).data.viewer.sessions.nodes;
  const logIn = async (email: string, deviceName: string) => {
    const query = `mutation ($email: String!, $deviceName: String!) {
      logIn(input: { email: $email, password: "correct horse battery", deviceName: $deviceName }) { ${GRANT} }
    }`;
    return (await api.query(null, query, { variables: { email, deviceName } })).data.logIn.result;
  };
  const revoke = (token: string, sessionId: string) =>
    api.query(null, "mutation ($id: UUID!) { revokeSession(input: { sessionId: $id }) { result } }", {
      ...withToken(token),
      variables: { id: sessionId },
    });

  it("are listed to their owner, who can end one of them or all the others", async () => {
    const { email, grant } = await register();
    const [phone, tablet] = [await logIn(email, "Phone"), await logIn(email, "Tablet")];
    expect(await sessionsOf(grant.accessToken)).toEqual(
      expect.arrayContaining([
        { sessionId: grant.sessionId, deviceName: null, isCurrent: true },
        { sessionId: phone.sessionId, deviceName: "Phone", isCurrent: false },
        { sessionId: tablet.sessionId, deviceName: "Tablet", isCurrent: false },
      ]),
    );
    expect((await revoke(grant.accessToken, phone.sessionId)).errors).toBeUndefined();
    expect((await api.query(null, VIEWER, withToken(phone.accessToken))).status).toBe(401);
    const others = "mutation { revokeOtherSessions(input: {}) { result } }";
    const { data } = await api.query(null, others, withToken(grant.accessToken));
    expect(data.revokeOtherSessions.result).toBe(1);
    expect(await sessionsOf(grant.accessToken)).toHaveLength(1);
  });

  it("are nobody else's: a foreign one and none get the same bytes", async () => {
    const [mine, other] = [await register(), await register()];
    const same = { headers: { ...withToken(mine.grant.accessToken).headers, "X-Request-Id": "same" } };
    const attempt = (id: string) =>
      api.query(null, "mutation ($id: UUID!) { revokeSession(input: { sessionId: $id }) { result } }", {
        ...same,
        variables: { id },
      });
    const foreign = await attempt(other.grant.sessionId);
    expect(foreign.errors?.[0]?.extensions?.code).toBe("NOT_FOUND");
    expect(foreign.text).toBe((await attempt("01900000-0000-7000-8000-000000000000")).text);
    expect((await api.query(null, VIEWER, withToken(other.grant.accessToken))).status).toBe(200);
    expect(await sessionsOf(mine.grant.accessToken)).toHaveLength(1);
  });

  it("end with a change of the password, but for the one that changes it", async () => {
    const { email, grant } = await register();
    const phone = await logIn(email, "Phone");
    const change = (current: string, next: string) =>
      api.query(
        null,
        `mutation ($current: String!, $next: String!) {
          changePassword(input: { currentPassword: $current, newPassword: $next }) { result }
        }`,
        { ...withToken(grant.accessToken), variables: { current, next } },
      );
    expect((await change("wrong", "another horse battery")).errors?.[0]?.extensions?.code).toBe(
      "INVALID_CREDENTIALS",
    );
    expect((await change("correct horse battery", "short")).errors?.[0]?.extensions?.code).toBe(
      "BAD_USER_INPUT",
    );
    expect((await change("correct horse battery", "another horse battery")).data.changePassword.result).toBe(
      1,
    );
    expect((await api.query(null, VIEWER, withToken(phone.accessToken))).status).toBe(401);
    expect((await api.query(null, VIEWER, withToken(grant.accessToken))).status).toBe(200);
    expect(
      (await api.query(null, LOG_IN, { variables: { email, password: "another horse battery" } })).errors,
    ).toBeUndefined();
  });

  it("denies a password that nobody should choose, and one that is too long, before anything is hashed", async () => {
    for (const password of ["short", "x".repeat(513)]) {
      const query =
        'mutation ($p: String!) { register(input: { email: "z@example.com", password: $p }) { clientMutationId } }';
      const { errors } = await api.query(null, query, { variables: { p: password } });
      expect(errors?.[0]?.extensions?.code).toBe("BAD_USER_INPUT");
    }
  });
});
