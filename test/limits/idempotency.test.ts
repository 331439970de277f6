import { randomUUID } from "node:crypto";

import { beforeAll, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { signToken } from "../../src/auth/signToken.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";

const db = useTestDatabase();
const api = useGateway(db);
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

const CREATE = `mutation ($mrn: String!, $clinicId: UUID!) { createPatient(input: { patient: {
  mrn: $mrn, homeClinicId: $clinicId, givenName: "Ann", familyName: "Canary", birthDate: "1990-01-01"
} }) { patient { rowId mrn } } }`;

function create(key: string, mrn: string, headers: Record<string, string> = {}) {
  return api.query(world.here.staff, CREATE, {
    variables: { mrn, clinicId: world.here.clinic.id },
    headers: { "Idempotency-Key": key, "X-Organization-Id": world.own, "X-Request-Id": "same", ...headers },
  });
}

async function countPatients(mrn: string): Promise<number> {
  const { rows } = await db.superuser.query(
    "select count(*)::int as count from app_public.patients where mrn = $1",
    [mrn],
  );
  return rows[0].count;
}

async function codeOf(request: ReturnType<typeof api.query>) {
  const { status, errors } = await request;
  return [status, errors?.[0]?.extensions?.code];
}

describe("an Idempotency-Key", () => {
  it("gives a repetition the answer of the first attempt, and no second effect", async () => {
    const key = randomUUID();
    const first = await create(key, "once");
    const second = await create(key, "once");
    expect(first.errors).toBeUndefined();
    expect(second.text).toBe(first.text);
    expect(second.headers.get("idempotent-replayed")).toBe("true");
    expect(first.headers.get("idempotent-replayed")).toBeNull();
    expect(await countPatients("once")).toBe(1);
  });

  it("gives a repetition a refusal as it was, with its place in the document", async () => {
    const key = randomUUID();
    await create(randomUUID(), "taken");
    const first = await create(key, "taken");
    expect(first.errors?.[0]?.extensions?.code).toBe("ALREADY_EXISTS");
    const second = await create(key, "taken");
    expect(second.text).toBe(first.text);
    expect(second.headers.get("idempotent-replayed")).toBe("true");
  });

  it("is refused with 409 for another body", async () => {
    const key = randomUUID();
    await create(key, "body-1");
    expect(await codeOf(create(key, "body-2"))).toEqual([409, "IDEMPOTENCY_CONFLICT"]);
    expect(await countPatients("body-2")).toBe(0);
  });

  it("has one effect when it is used at the same time: the others get 409 or the answer", async () => {
    const key = randomUUID();
    const answers = await Promise.all(Array.from({ length: 10 }, () => create(key, "racing")));
    expect(await countPatients("racing")).toBe(1);
    for (const { status, errors } of answers) {
      expect(status === 409 ? errors?.[0]?.extensions?.code : status).toBe(
        status === 409 ? "IDEMPOTENCY_CONFLICT" : 200,
      );
    }
    expect(answers.some(({ status }) => status === 200)).toBe(true);
  });

  it("is taken while another transaction holds it, and free again when that has failed", async () => {
    const key = randomUUID();
    await db.superuser.query("begin");
    await db.superuser.query("lock table app_public.patients in access exclusive mode");
    const blocked = create(key, "blocked");
    await untilWaiting();
    expect(await codeOf(create(key, "blocked"))).toEqual([409, "IDEMPOTENCY_CONFLICT"]);
    await db.superuser.query("rollback");
    expect((await blocked).errors).toBeUndefined();
    expect(await countPatients("blocked")).toBe(1);
  });

  it("means nothing to another person, and nothing in another organization", async () => {
    const key = randomUUID();
    const own = await create(key, "shared-key");
    const foreign = await api.query(world.abroad.staff, CREATE, {
      variables: { mrn: "shared-key", clinicId: world.abroad.clinic.id },
      headers: { "Idempotency-Key": key },
    });
    expect(foreign.errors).toBeUndefined();
    expect(foreign.data.createPatient.patient.rowId).not.toBe(own.data.createPatient.patient.rowId);
    expect(foreign.headers.get("idempotent-replayed")).toBeNull();
  });

  it("keeps each change of several apart: one that fails takes back nothing else", async () => {
    const key = randomUUID();
    const query = `mutation ($mrn: String!, $clinicId: UUID!) {
      good: ${CREATE.slice(CREATE.indexOf("createPatient"), CREATE.lastIndexOf("}"))}
      bad: ${CREATE.slice(CREATE.indexOf("createPatient"), CREATE.lastIndexOf("}"))}
    }`;
    const variables = { mrn: "partly", clinicId: world.here.clinic.id };
    const headers = { "Idempotency-Key": key, "X-Organization-Id": world.own };
    const { data, errors } = await api.query(world.here.staff, query, { variables, headers });
    expect(data.good.patient.mrn).toBe("partly");
    expect([data.bad, errors?.[0]?.path]).toEqual([null, ["bad"]]);
    expect(await countPatients("partly")).toBe(1);
  });

  it("keeps neither key nor answer readable", async () => {
    const key = `readable-${randomUUID()}`;
    await create(key, "sealed-canary");
    const { rows } = await db.superuser.query("select a::text as row from app_private.idempotent_answers a");
    const hex = (text: string) => Buffer.from(text).toString("hex");
    const table = rows.map(({ row }) => row).join();
    expect(rows.length).toBeGreaterThan(0);
    expect(table).not.toContain(hex("sealed-canary"));
    expect(table).not.toContain(hex(key));
  });

  it("is forgotten after a day", async () => {
    const key = randomUUID();
    await create(key, "expiring");
    await db.superuser.query("update app_private.idempotent_answers set expires_at = now()");
    expect(await codeOf(create(key, "expiring"))).toEqual([200, "ALREADY_EXISTS"]);
  });

  it("does not answer for a session that has ended", async () => {
    const key = randomUUID();
    const { rows } = await db.superuser.query(
      "insert into app_private.auth_sessions (user_id, expires_at) values ($1, now() + interval '1 day') returning id",
      [world.here.staff.userId],
    );
    const sessionId: string = rows[0].id;
    const token = signToken(db.config.auth, { ...world.here.staff, sessionId });
    await create(key, "ending", { authorization: `Bearer ${token}` });
    await db.superuser.query(
      "update app_private.auth_sessions set revoked_at = now(), revoked_reason = 'log_out' where id = $1",
      [sessionId],
    );
    expect(await codeOf(create(key, "ending", { authorization: `Bearer ${token}` }))).toEqual([
      401,
      "UNAUTHENTICATED",
    ]);
  });

  it("is refused where it is malformed or nobody is signed in", async () => {
    expect(await codeOf(create("short", "x"))).toEqual([400, "BAD_REQUEST"]);
    const anonymous = api.query(null, "mutation { logOut(input: {}) { result } }", {
      headers: { "Idempotency-Key": randomUUID() },
    });
    expect(await codeOf(anonymous)).toEqual([401, "UNAUTHENTICATED"]);
  });
});

/** Waits until a statement of the gateway waits for a lock. */
async function untilWaiting(): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const { rows } = await db.superuser.query(
      "select from pg_stat_activity where datname = $1 and usename = 'app_authenticator' and wait_event_type = 'Lock'",
      [db.name],
    );
    if (rows.length > 0) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("No statement of the gateway waits for a lock.");
}
