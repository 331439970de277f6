import { randomUUID } from "node:crypto";

import { beforeAll, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { signToken } from "../../src/auth/signToken.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";

const db = useTestDatabase();
const api = useGateway(db, {
  configure: (config) => ({ ...config, api: { ...config.api, trustedProxies: ["loopback"] } }),
});
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

const PATIENT = `mrn: $mrn, homeClinicId: $clinicId, givenName: "Ann", familyName: "Canary", birthDate: "1990-01-01"`;
const CREATE = `mutation ($mrn: String!, $clinicId: UUID!) {
  createPatient(input: { patient: { ${PATIENT} } }) { patient { rowId } } }`;

interface Sent {
  headers?: Record<string, string>;
  mrn?: string;
  text?: string;
}

function send(key: string | null, query: string, { headers, ...variables }: Sent = {}) {
  return api.query(world.here.staff, query, {
    variables: { clinicId: world.here.clinic.id, ...variables },
    headers: { ...(key !== null && { "Idempotency-Key": key }), "X-Organization-Id": world.own, ...headers },
  });
}

const codeOf = ({ status, errors }: Awaited<ReturnType<typeof send>>) => [
  status,
  errors?.[0]?.extensions?.code,
];

async function count(text: string, values: unknown[] = []): Promise<number> {
  const { rows } = await db.superuser.query(`select count(*)::int as count from ${text}`, values);
  return rows[0].count;
}
const countPatients = (mrn: string) => count("app_public.patients where mrn = $1", [mrn]);

/** Another session of the same person, as after signing in again. */
async function tokenOfNewSession(): Promise<string> {
  const { rows } = await db.superuser.query(
    "insert into app_private.auth_sessions (user_id, expires_at) values ($1, now() + interval '1 day') returning id",
    [world.here.staff.userId],
  );
  return signToken(db.config.auth, { ...world.here.staff, sessionId: rows[0].id });
}

describe("a repetition under the same Idempotency-Key", () => {
  it("gets its answer from another program, another network and in another session", async () => {
    const key = randomUUID();
    const first = await send(key, CREATE, {
      mrn: "moved",
      headers: { "User-Agent": "one", "X-Forwarded-For": "192.0.2.1" },
    });
    expect(first.errors).toBeUndefined();
    const authorization = `Bearer ${await tokenOfNewSession()}`;
    const elsewhere: Record<string, string>[] = [
      { "User-Agent": "another", "X-Forwarded-For": "192.0.2.1" },
      { "User-Agent": "one", "X-Forwarded-For": "198.51.100.7" },
      { "User-Agent": "one", "X-Forwarded-For": "192.0.2.1", authorization },
    ];
    for (const headers of elsewhere) {
      const again = await send(key, CREATE, { mrn: "moved", headers });
      expect([again.status, again.data]).toEqual([200, first.data]);
      expect(again.headers.get("idempotent-replayed")).toBe("true");
    }
    expect(await countPatients("moved")).toBe(1);
  });

  it("denies another purpose of use, another clinic and other variables", async () => {
    const key = randomUUID();
    expect((await send(key, CREATE, { mrn: "meant" })).errors).toBeUndefined();
    const changes: Sent[] = [
      { headers: { "X-Purpose-Of-Use": "treatment" } },
      { headers: { "X-Clinic-Id": world.here.clinic.id } },
      { mrn: "meant-2" },
    ];
    for (const changed of changes) {
      expect(codeOf(await send(key, CREATE, { mrn: "meant", ...changed }))).toEqual([
        409,
        "IDEMPOTENCY_CONFLICT",
      ]);
    }
    expect([await countPatients("meant"), await countPatients("meant-2")]).toEqual([1, 0]);
  });
});

describe("an answer to be kept under an Idempotency-Key", () => {
  /** Shows what it was given as often as it takes. */
  const echo = (times: number) => `mutation ($mrn: String!, $clinicId: UUID!, $text: String!) {
    createPatient(input: { clientMutationId: $text, patient: { ${PATIENT} } }) {
      ${Array.from({ length: times }, (_, index) => `a${index}: clientMutationId`).join(" ")}
    } }`;
  const text = "x".repeat(90_000);

  it("may have a megabyte", async () => {
    const key = randomUUID();
    const first = await send(key, echo(11), { mrn: "large", text });
    expect(first.errors).toBeUndefined();
    const again = await send(key, echo(11), { mrn: "large", text });
    expect([again.status, again.text === first.text]).toEqual([200, true]);
    expect(await countPatients("large")).toBe(1);
  });

  it("is not kept when it is larger, and undoes nothing: a repetition is told so and changes nothing", async () => {
    const key = randomUUID();
    const first = await send(key, echo(12), { mrn: "too-large", text });
    expect([first.status, first.errors, first.data.createPatient.a11]).toEqual([200, undefined, text]);
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const again = await send(key, echo(12), { mrn: "too-large", text });
      expect(codeOf(again)).toEqual([409, "ANSWER_NOT_KEPT"]);
      expect(again.headers.get("idempotent-replayed")).toBe("true");
    }
    expect(await countPatients("too-large")).toBe(1);
  });
});

describe("a password", () => {
  const LOG_IN = `mutation { logIn(input: { email: "victim@example.com", password: "a wrong password" }) { result { accessToken } } }`;
  const CHANGE = `mutation { changePassword(input: {
    currentPassword: "a wrong password", newPassword: "another wrong password" }) { result } }`;
  const REGISTER = `mutation { register(input: {
    email: "victim@example.com", password: "a good enough password" }) { result } }`;

  it("is refused with an Idempotency-Key, before the attempt", async () => {
    for (const query of [LOG_IN, CHANGE, REGISTER]) {
      const { errors } = await send(randomUUID(), query);
      expect(errors?.map(({ extensions }) => extensions?.code)).toEqual(["BAD_REQUEST"]);
    }
    expect(await count("app_private.sign_in_attempts")).toBe(0);
  });

  it("can be tried without one, and the attempt stays counted", async () => {
    const { errors } = await send(null, LOG_IN);
    expect(errors?.map(({ extensions }) => extensions?.code)).toEqual(["INVALID_CREDENTIALS"]);
    expect(await count("app_private.sign_in_attempts where attempts = 1")).toBe(2);
  });
});
