import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

import { beforeAll, describe, expect, it } from "@jest/globals";
import { WebSocket } from "ws";

import {
  type Clinic,
  createAppointment,
  createCareSession,
  createClinic,
  createMember,
  createOrganization,
  createPatient,
  createPerson,
  createSession,
  joinClinic,
} from "../../src/access/world/people.ts";
import { signToken } from "../../src/auth/signToken.ts";
import { type Actor, useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";
import { useIssuer } from "../support/issuer.ts";
import { type OpenSocket, useSockets } from "./openSocket.ts";

/** Milliseconds within which the rights of a person who listens end. */
const LIMIT = 2000;
const clerk = useIssuer("clerk");
const db = useTestDatabase();
const api = useGateway(db, {
  configure: (config) => ({ ...config, auth: { ...db.config.auth, outside: [clerk.config()] } }),
});
const { connect } = useSockets(api);

let clinic: Clinic;
let provider: Actor;
beforeAll(async () => {
  clinic = await createClinic(db.superuser, await createOrganization(db.superuser));
  provider = await createMember(db.superuser, clinic, "provider");
});

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

/** Opens a socket and subscribes to the clinic's care sessions, which the first announcement proves. */
async function listen(params: Record<string, string>): Promise<OpenSocket> {
  const open = await connect(params);
  open.send({
    id: "1",
    type: "subscribe",
    payload: { query: `subscription { careSessionChanged(clinicId: "${clinic.id}") { careSessionId } }` },
  });
  const isHeard = () => open.messages.some(({ type }) => type === "next");
  for (let attempt = 0; attempt < 50 && !isHeard(); attempt += 1) {
    await announce();
    await sleep(50);
  }
  expect(isHeard()).toBe(true);
  return open;
}

async function announce(): Promise<void> {
  const patient = await createPatient(db.superuser, clinic);
  await createCareSession(db.superuser, await createAppointment(db.superuser, clinic, patient, provider));
}

const dataOf = ({ messages }: OpenSocket) =>
  messages.filter(({ type, payload }) => type === "next" && payload?.data && !payload.errors);

const run = (sql: string, values: unknown[]) => db.superuser.query(sql, values);
const END_SESSION =
  "update app_private.auth_sessions set revoked_at = now(), revoked_reason = 'test' where id = $1";

describe("a websocket", () => {
  it.each<[string, number, (person: Actor) => Promise<unknown>]>([
    ["the session is revoked", 4401, ({ sessionId }) => run(END_SESSION, [sessionId])],
    [
      "the session is gone",
      4401,
      ({ sessionId }) => run("delete from app_private.auth_sessions where id = $1", [sessionId]),
    ],
    [
      "the person revokes it from another session",
      4401,
      async ({ userId, sessionId }) => {
        const other = { userId, sessionId: await createSession(db.superuser, userId) };
        const { errors } = await api.query(
          other,
          `mutation { revokeSession(input: { sessionId: "${sessionId}" }) { clientMutationId } }`,
        );
        expect(errors).toBeUndefined();
      },
    ],
    [
      "the account is closed",
      4401,
      ({ userId }) => run("update app_public.users set deleted_at = now() where id = $1", [userId]),
    ],
    [
      "the role becomes another",
      4403,
      ({ userId }) =>
        run("update app_public.clinic_memberships set role = 'viewer' where user_id = $1", [userId]),
    ],
    [
      "the membership of the clinic is removed",
      4403,
      ({ userId }) =>
        run("update app_public.clinic_memberships set active = false where user_id = $1", [userId]),
    ],
    [
      "the membership of the organization is removed",
      4403,
      ({ userId }) =>
        run("update app_public.organization_memberships set active = false where user_id = $1", [userId]),
    ],
  ])("closes within two seconds when %s, and no further row arrives", async (_title, expectedCode, end) => {
    const person = await createMember(db.superuser, clinic, "staff");
    const open = await listen(bearer(api.tokenOf(person)));
    const closing = open.closed();
    await end(person);
    const seen = dataOf(open).length;
    await announce();
    const { code, after } = await closing;
    expect(code).toBe(expectedCode);
    expect(after).toBeLessThan(LIMIT);
    expect(dataOf(open)).toHaveLength(seen);
  });

  it("closes when a superadmin is none any more", async () => {
    const person = await createPerson(db.superuser, { isSuperadmin: true });
    const open = await connect(bearer(api.tokenOf(person)));
    await run("update app_public.users set is_superadmin = false where id = $1", [person.userId]);
    expect(await open.closed()).toMatchObject({ code: 4401 });
  });

  it("of an outside issuer's subject closes when the identity ends", async () => {
    const token = clerk.sign({ sub: "user_socket" });
    const { data } = await api.query(null, "{ viewer { rowId } }", { headers: bearerHeader(token) });
    await joinClinic(db.superuser, { userId: data.viewer.rowId, sessionId: "" }, clinic, "staff");
    const open = await listen(bearer(token));
    await run("update app_private.user_identities set ended_at = now() where subject = $1", ["user_socket"]);
    expect(await open.closed()).toMatchObject({ code: 4401 });
  });

  it("stays open when somebody else's session ends, and when a membership is added", async () => {
    const [person, other] = [
      await createMember(db.superuser, clinic, "staff"),
      await createPerson(db.superuser),
    ];
    const open = await listen(bearer(api.tokenOf(person)));
    await run(END_SESSION, [other.sessionId]);
    const elsewhere = await createClinic(db.superuser, clinic.organizationId);
    await joinClinic(db.superuser, person, elsewhere, "viewer");
    const seen = dataOf(open).length;
    await announce();
    await sleep(300);
    expect(open.socket.readyState).toBe(WebSocket.OPEN);
    expect(dataOf(open).length).toBeGreaterThan(seen);
  });

  it("closes when its token expires", async () => {
    const person = await createPerson(db.superuser);
    const open = await connect(bearer(signToken(db.config.auth, person, 1)));
    expect(await open.closed()).toMatchObject({
      code: 4401,
      reason: "UNAUTHENTICATED: The access token has expired.",
    });
  });

  it("closes, to be opened again, when the gateway has lost the connection that hears of such ends", async () => {
    const person = await createMember(db.superuser, clinic, "staff");
    const open = await connect(bearer(api.tokenOf(person)));
    const { rowCount } = await run(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and application_name = 'bailiwick-access'",
      [db.name],
    );
    expect(rowCount).toBe(1);
    expect(await open.closed()).toMatchObject({ code: 1013 });
    // It hears of them again, on another connection.
    const listening = "select from pg_stat_activity where datname = $1 and query = 'listen access_changed'";
    for (let attempt = 0; attempt < 60 && (await run(listening, [db.name])).rowCount === 0; attempt += 1) {
      await sleep(50);
    }
    const next = await connect(bearer(api.tokenOf(person)));
    await run(END_SESSION, [person.sessionId]);
    expect((await next.closed()).code).toBe(4401);
  });

  it("denies who is nobody here with 4403, a malformed scope with 4400, a wrong token with 4401", async () => {
    const person = await createPerson(db.superuser);
    const codeFor = async (params: Record<string, string>) => (await connect(params)).closed();
    expect(await codeFor(bearer(`${api.tokenOf(person)}x`))).toMatchObject({ code: 4401 });
    expect(await codeFor({ ...bearer(api.tokenOf(person)), "X-Organization-Id": "acme" })).toMatchObject({
      code: 4400,
    });
  });
});

describe("X-Organization-Id and X-Clinic-Id in a websocket's first message", () => {
  const ask = async (params: Record<string, string>) => {
    const open = await connect(params);
    open.send({ id: "1", type: "subscribe", payload: { query: "{ clinics { nodes { rowId } } }" } });
    await once(open.socket, "message");
    const answer = open.messages.find(({ type }) => type === "next");
    const { data } = answer?.payload as { data: { clinics: { nodes: { rowId: string }[] } } };
    return data.clinics.nodes.map(({ rowId }) => rowId).sort();
  };

  it("narrow what is seen to one tenant, and never widen it", async () => {
    const [one, two] = [
      await createClinic(db.superuser, await createOrganization(db.superuser)),
      await createClinic(db.superuser, await createOrganization(db.superuser)),
    ];
    const person = await createMember(db.superuser, one, "staff");
    await joinClinic(db.superuser, person, two, "staff");
    const token = bearer(api.tokenOf(person));
    expect(await ask(token)).toEqual([one.id, two.id].sort());
    expect(await ask({ ...token, "X-Organization-Id": one.organizationId })).toEqual([one.id]);
    expect(await ask({ ...token, "x-organization-id": two.organizationId })).toEqual([two.id]);
    expect(await ask({ ...token, "X-Clinic-Id": two.id })).toEqual([two.id]);
    expect(await ask({ ...token, "X-Organization-Id": clinic.organizationId })).toEqual([]);
    expect(await ask({ ...token, "X-Clinic-Id": clinic.id })).toEqual([]);
  });
});

function bearerHeader(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}
