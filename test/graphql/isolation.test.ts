import { randomUUID } from "node:crypto";

import { beforeAll, describe, expect, it } from "@jest/globals";

import { createSession } from "../../src/access/world/people.ts";
import { createWorld, type World } from "../../src/access/world/world.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";

const db = useTestDatabase();
const api = useGateway(db);
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

/** What the Relay specification calls a global id. */
const nodeId = (type: string, id: string) => Buffer.from(JSON.stringify([type, id])).toString("base64");
const SAME_REQUEST = { "X-Request-Id": "same" };

describe("one query, four people", () => {
  const query = "{ clinics { nodes { rowId } } patients { nodes { rowId } } }";
  const ids = (rows: { nodes: { rowId: string }[] }) => rows.nodes.map(({ rowId }) => rowId).sort();

  it("shows a provider the own clinic's patients and the shared one", async () => {
    const { data } = await api.query(world.here.provider, query);
    expect(ids(data.patients)).toEqual([world.here.patient.id, world.shared.id].sort());
    expect(ids(data.clinics)).toContain(world.here.clinic.id);
    expect(ids(data.clinics)).not.toContain(world.abroad.clinic.id);
  });

  it("shows another organization's provider only theirs", async () => {
    const { data } = await api.query(world.abroad.provider, query);
    expect(ids(data.patients)).toEqual([world.abroad.patient.id]);
    expect(ids(data.clinics)).toEqual([world.abroad.clinic.id]);
  });

  it("shows a person without a membership nothing", async () => {
    const { data, status } = await api.query(world.stranger, query);
    expect(status).toBe(200);
    expect(data).toEqual({ clinics: { nodes: [] }, patients: { nodes: [] } });
  });

  it("asks somebody without a token to sign in", async () => {
    const { status, errors } = await api.query(null, query);
    expect(status).toBe(401);
    expect(new Set(errors?.map(({ extensions }) => extensions?.code))).toEqual(new Set(["UNAUTHENTICATED"]));
  });
});

describe("a record of another tenant", () => {
  const types = [
    ["Patient", () => world.abroad.patient.id],
    ["Appointment", () => world.abroad.appointment.id],
    ["CareSession", () => world.abroad.careSessionId],
    ["Clinic", () => world.abroad.clinic.id],
    ["Organization", () => world.foreign],
    ["User", () => world.abroad.provider.userId],
  ] as const;

  it.each(types)("gives for node(id:) of a %s the same bytes as a random id", async (type, foreignId) => {
    const read = (id: string) =>
      api.query(world.here.provider, "query ($id: ID!) { node(id: $id) { id __typename } }", {
        variables: { id: nodeId(type, id) },
        headers: SAME_REQUEST,
      });
    const foreign = await read(foreignId());
    expect(foreign.text).toBe((await read(randomUUID())).text);
    expect(foreign.data).toEqual({ node: null });
  });

  it("gives for an update the error NOT_FOUND with the same bytes as a random id", async () => {
    const update = (id: string) =>
      api.query(
        world.here.staff,
        'mutation ($id: ID!) { updatePatient(input: { id: $id, patch: { city: "X" } }) { patient { id } } }',
        { variables: { id: nodeId("Patient", id) }, headers: SAME_REQUEST },
      );
    const foreign = await update(world.abroad.patient.id);
    expect(foreign.text).toBe((await update(randomUUID())).text);
    expect(foreign.errors?.[0]?.extensions).toEqual({ code: "NOT_FOUND", requestId: "same" });
  });

  it("gives NOT_FOUND for an id of another type and for one that is none", async () => {
    for (const id of [nodeId("Clinic", world.here.clinic.id), "x", ""]) {
      const { errors } = await api.query(
        world.here.staff,
        'mutation ($id: ID!) { updatePatient(input: { id: $id, patch: { city: "X" } }) { patient { id } } }',
        { variables: { id } },
      );
      expect(errors?.[0]?.extensions?.code).toBe("NOT_FOUND");
    }
  });

  it("gives for a function the same bytes as a random id", async () => {
    const book = (patientId: string) =>
      api.query(
        world.here.provider,
        `mutation ($patientId: UUID!, $clinicId: UUID!) {
           bookAppointment(input: {
             patientId: $patientId, clinicId: $clinicId
             startsAt: "2031-01-01T10:00:00Z", endsAt: "2031-01-01T11:00:00Z"
           }) { result { id } }
         }`,
        { variables: { patientId, clinicId: world.here.clinic.id }, headers: SAME_REQUEST },
      );
    const foreign = await book(world.abroad.patient.id);
    expect(foreign.text).toBe((await book(randomUUID())).text);
    expect(foreign.errors?.[0]?.extensions?.code).toBe("NOT_FOUND");
  });
});

describe("what was taken away", () => {
  const query = "{ patients { totalCount } }";

  it("denies the next request after the session was revoked, although the token is still valid", async () => {
    const actor = {
      ...world.here.viewer,
      sessionId: await createSession(db.superuser, world.here.viewer.userId),
    };
    expect((await api.query(actor, query)).status).toBe(200);
    await db.superuser.query(
      "update app_private.auth_sessions set revoked_at = now(), revoked_reason = 'test' where id = $1",
      [actor.sessionId],
    );
    const { status, errors } = await api.query(actor, query);
    expect(status).toBe(401);
    expect(errors?.[0]?.extensions?.code).toBe("UNAUTHENTICATED");
  });

  it("denies the next request after the membership was ended", async () => {
    const { staff } = world.there;
    const count = async () => (await api.query(staff, query)).data.patients.totalCount;
    expect(Number(await count())).toBeGreaterThan(0);
    await db.superuser.query("update app_public.clinic_memberships set active = false where user_id = $1", [
      staff.userId,
    ]);
    expect(Number(await count())).toBe(0);
  });
});
