import { randomUUID } from "node:crypto";

import { beforeAll, describe, expect, it, jest } from "@jest/globals";

import { createPatient } from "../../src/access/world/people.ts";
import { createWorld, type World } from "../../src/access/world/world.ts";
import { signToken } from "../../src/auth/signToken.ts";
import { type Actor, useTestDatabase } from "../support/database.ts";
import { useServeProcess } from "../support/useServeProcess.ts";
import { ask, type RawAnswer } from "./rawRequest.ts";
import { RawSocket } from "./rawSocket.ts";

jest.setTimeout(120_000);

const CANARY = "Zx9-canary-Tn4";
const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  await db.superuser.query("update app_public.patients set family_name = $1 where organization_id = $2", [
    CANARY,
    world.foreign,
  ]);
});

/** What the Relay specification calls a global id. */
const globalId = (type: string, id: string) => Buffer.from(JSON.stringify([type, id])).toString("base64");
const TOTAL = "{ patients { totalCount } patientMetrics { aggregates { sum { value } } } }";
const CREATE = `mutation ($patient: PatientInput!) { createPatient(input: { patient: $patient }) { patient { rowId } } }`;
const MOVE =
  'mutation ($id: ID!) { updatePatient(input: { id: $id, patch: { city: "X" } }) { patient { city } } }';

describe.each(["production", "development"])("a tenant and another one, in %s", (mode) => {
  const server = useServeProcess(db, { NODE_ENV: mode });
  const answers: RawAnswer[] = [];
  /** As somebody of the own organization unless said otherwise; null is nobody. */
  async function send(
    query: string,
    variables: object = {},
    actor: Actor | null = world.here.provider,
    headers: Record<string, string> = {},
  ): Promise<RawAnswer> {
    const authorization = actor && `Bearer ${signToken(db.config.auth, actor)}`;
    const answer = await ask(server.url, query, {
      variables,
      headers: { "x-request-id": "same", ...(authorization && { authorization }), ...headers },
    });
    answers.push(answer);
    return answer;
  }
  const dataOf = ({ text }: RawAnswer) => JSON.parse(text).data;
  const patient = (more: object = {}) => ({
    homeClinicId: world.here.clinic.id,
    organizationId: world.own,
    mrn: `${mode}-${randomUUID()}`,
    givenName: "A",
    familyName: "B",
    birthDate: "1990-01-01",
    ...more,
  });

  it("gives node(id:) of a foreign record the bytes of a random one, and nobody an answer", async () => {
    const read = (id: string, actor?: null) =>
      send("query ($id: ID!) { node(id: $id) { id } }", { id: globalId("Patient", id) }, actor);
    const foreign = await read(world.abroad.patient.id);
    expect(dataOf(foreign)).toEqual({ node: null });
    expect(foreign.text).toBe((await read(randomUUID())).text);
    expect(dataOf(await read(world.here.patient.id)).node).not.toBeNull();
    const nobody = await read(world.abroad.patient.id, null);
    expect(nobody.text).toBe((await read(randomUUID(), null)).text);
  });

  it("changes and deletes nothing foreign, with the bytes of a random id", async () => {
    const remove = "mutation ($id: ID!) { deleteGoal(input: { id: $id }) { deletedGoalId } }";
    const { rows } = await db.superuser.query<{ id: string }>(
      `insert into app_public.goals (organization_id, clinic_id, area, metric_key, name, starts_on, ends_on, target)
       values ($1, $2, 'call', 'calls_received', $3, '2026-01-01', '2026-12-31', 1) returning id`,
      [world.foreign, world.abroad.clinic.id, `goal ${mode}`],
    );
    for (const [query, type, id] of [
      [MOVE, "Patient", world.abroad.patient.id],
      [remove, "Goal", rows[0]?.id ?? ""],
    ] as const) {
      const attempt = (uuid: string) => send(query, { id: globalId(type, uuid) }, world.here.clinicAdmin);
      const foreign = await attempt(id);
      expect(foreign.code).toBe("NOT_FOUND");
      expect(foreign.text).toBe((await attempt(randomUUID())).text);
      expect((await send(query, { id: globalId(type, id) }, null)).code).toBe("UNAUTHENTICATED");
    }
    expect((await send(MOVE, { id: globalId("Patient", world.here.patient.id) })).code).toBeUndefined();
  });

  it("creates nothing in a foreign organization, and moves nothing there", async () => {
    const foreign = { organizationId: world.foreign, homeClinicId: world.abroad.clinic.id };
    expect((await send(CREATE, { patient: patient(foreign) })).code).toBe("FORBIDDEN");
    const mixed = await send(CREATE, { patient: patient({ organizationId: world.foreign }) });
    expect(mixed.code).toMatch(/^(FORBIDDEN|BAD_USER_INPUT)$/);
    const move = `mutation ($id: ID!, $to: UUID!) {
      updatePatient(input: { id: $id, patch: { organizationId: $to } }) { patient { rowId } }
    }`;
    const id = globalId("Patient", world.here.patient.id);
    expect((await send(move, { id, to: world.foreign })).code).toBe("BAD_QUERY");
    expect((await send(CREATE, { patient: patient() })).code).toBeUndefined();
  });

  it("answers to a number that a foreign patient has as to a free one", async () => {
    const mrn = `taken-${mode}`;
    await db.superuser.query("update app_public.patients set mrn = $1 where id = $2", [
      mrn,
      world.abroad.patient.id,
    ]);
    expect((await send(CREATE, { patient: patient({ mrn }) })).code).toBeUndefined();
    expect((await send(CREATE, { patient: patient({ mrn }) })).code).toBe("ALREADY_EXISTS");
  });

  it("counts the same before and after the other one's inserts", async () => {
    const before = await send(TOTAL);
    await createPatient(db.superuser, world.abroad.clinic);
    expect((await send(TOTAL)).text).toBe(before.text);
    await createPatient(db.superuser, world.here.clinic);
    expect((await send(TOTAL)).text).not.toBe(before.text);
  });

  it("finds nothing through a relation or with a cursor of the other one's list", async () => {
    const through = `query ($id: UUID!) {
      appointments(filter: { patient: { rowId: { equalTo: $id } } }) { totalCount nodes { rowId } }
    }`;
    const found = async (id: string) => dataOf(await send(through, { id })).appointments.totalCount;
    expect(await found(world.abroad.patient.id)).toBe(0);
    expect(await found(world.here.patient.id)).toBeGreaterThan(0);
    const page = "{ patients(first: 1, orderBy: PRIMARY_KEY_ASC) { edges { cursor } } }";
    const { edges } = dataOf(await send(page, {}, world.abroad.provider)).patients;
    const next = `query ($after: Cursor!) {
      patients(after: $after, orderBy: PRIMARY_KEY_ASC) { nodes { organizationId } }
    }`;
    const { nodes } = dataOf(await send(next, { after: edges[0].cursor })).patients;
    const organizations = new Set(nodes.map((row: { organizationId: string }) => row.organizationId));
    expect(organizations).not.toContain(world.foreign);
  });

  it("brings no news of the other one's", async () => {
    const authorization = `Bearer ${signToken(db.config.auth, world.here.provider)}`;
    const socket = await new RawSocket(server.url).open({ authorization });
    const subscribe = (id: string, clinicId: string) =>
      socket.send({
        type: "subscribe",
        id,
        payload: {
          query:
            "subscription ($id: UUID!) { appointmentChanged(clinicId: $id) { appointmentId operation } }",
          variables: { id: clinicId },
        },
      });
    subscribe("foreign", world.abroad.clinic.id);
    subscribe("own", world.here.clinic.id);
    const change = (id: string) =>
      db.superuser.query("update app_public.appointments set reason = $2 where id = $1", [id, randomUUID()]);
    // The own one's news say that those of the other would have been here.
    for (
      let attempt = 0;
      attempt < 20 && !socket.messages.some(({ id, type }) => id === "own" && type === "next");
      attempt++
    ) {
      await change(world.abroad.appointment.id);
      await change(world.here.appointment.id);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    const news = (id: string) => socket.messages.filter((one) => one.id === id && one.type === "next");
    expect(news("own").length).toBeGreaterThan(0);
    const told = JSON.stringify(
      news("foreign").map(({ payload }) => (payload as { data?: unknown }).data ?? null),
    );
    expect(told).not.toContain(world.abroad.appointment.id);
    socket.close();
  });

  it("has no function of the database's own to call", async () => {
    for (const name of [
      "loCreate",
      "loGet",
      "pgNotify",
      "pgAdvisoryLock",
      "setConfig",
      "pgSleep",
      "queryToXml",
    ]) {
      expect((await send(`{ ${name} }`)).code).toBe("BAD_QUERY");
      expect((await send(`mutation { ${name}(input: {}) { result } }`)).code).toBe("BAD_QUERY");
    }
    const { rows } = await db.superuser.query(
      `select p.oid::regprocedure::text as name from pg_proc p
       where p.pronamespace = 'pg_catalog'::regnamespace
       and (p.proname like 'lo\\_%' or p.proname in ('set_config', 'pg_notify', 'pg_advisory_lock', 'query_to_xml'))
       and has_function_privilege('app_user', p.oid, 'execute')`,
    );
    expect(rows).toEqual([]);
  });

  it("runs a mutation of one idempotency key once, in turn and at the same time, and for one tenant", async () => {
    const once = (key: string, mrn: string, actor = world.here.provider, more: object = {}) =>
      send(CREATE, { patient: patient({ mrn, ...more }) }, actor, { "idempotency-key": key });
    const count = async (mrn: string) =>
      (await db.superuser.query("select from app_public.patients where mrn = $1", [mrn])).rowCount;
    const key = randomUUID();
    const first = await once(key, `once-${mode}`);
    expect(first.code).toBeUndefined();
    expect((await once(key, `once-${mode}`)).text).toBe(first.text);
    expect((await once(key, `other-${mode}`)).status).toBe(409);
    const abroad = { organizationId: world.foreign, homeClinicId: world.abroad.clinic.id };
    const foreign = await once(key, `once-${mode}`, world.abroad.provider, abroad);
    expect([foreign.code, foreign.text === first.text]).toEqual([undefined, false]);
    const crowd = randomUUID();
    const together = await Promise.all(Array.from({ length: 8 }, () => once(crowd, `crowd-${mode}`)));
    expect(await count(`crowd-${mode}`)).toBe(1);
    expect([200, 409]).toEqual(expect.arrayContaining([...new Set(together.map(({ status }) => status))]));
  });

  it("has shown nothing of the other one's, in answers or in its log", () => {
    expect(answers.length).toBeGreaterThan(40);
    for (const text of [...answers.map((answer) => answer.text), server.output]) {
      expect(text).not.toContain(CANARY);
      expect(text).not.toMatch(/node_modules|\.ts:\d+|_pkey|_fkey|app_public/);
    }
  });
});
