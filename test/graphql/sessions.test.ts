import { describe, expect, it } from "@jest/globals";
import jwt from "jsonwebtoken";

import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";

const db = useTestDatabase();
const api = useGateway(db);

const GRANT = "result { accessToken refreshToken userId sessionId }";
const REGISTER = `mutation ($email: String!) {
  register(input: { email: $email, password: "correct horse battery", displayName: "Jo" }) { ${GRANT} }
}`;
const LOG_IN = `mutation ($email: String!, $password: String!) {
  logIn(input: { email: $email, password: $password }) { ${GRANT} }
}`;
const REFRESH = `mutation ($token: String!) { refreshSession(input: { refreshToken: $token }) { ${GRANT} } }`;
const VIEWER = "{ viewer { rowId email profile { displayName } } }";

let count = 0;

/** Registers somebody new; what registering granted, and the address. */
async function register() {
  const email = `jo-${++count}@example.com`;
  const { data, errors } = await api.query(null, REGISTER, { variables: { email } });
  expect(errors).toBeUndefined();
  return { email, grant: data.register.result };
}

const withToken = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

describe("signing in", () => {
  it("registers a person, who has a profile and a token of 15 minutes at once", async () => {
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
