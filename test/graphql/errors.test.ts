import { beforeAll, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../src/access/world/world.ts";
import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";

const db = useTestDatabase();
const api = useGateway(db);
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

const BOOK = `mutation ($patientId: UUID!, $clinicId: UUID!, $endsAt: Datetime!) {
  bookAppointment(input: {
    patientId: $patientId, clinicId: $clinicId, startsAt: "2032-01-01T10:00:00Z", endsAt: $endsAt
  }) { result { status } }
}`;

describe("errors", () => {
  it("of our SQL arrive with their sentence, their code and the request id", async () => {
    const variables = {
      patientId: world.here.patient.id,
      clinicId: world.here.clinic.id,
      endsAt: "2032-01-01T11:00:00Z",
    };
    const headers = { "X-Request-Id": "trace" };
    expect((await api.query(world.here.provider, BOOK, { variables })).errors).toBeUndefined();
    const { errors, status } = await api.query(world.here.provider, BOOK, { variables, headers });
    expect(status).toBe(200);
    expect(errors).toEqual([
      {
        message: "The provider already has an appointment in that time.",
        locations: [{ line: 2, column: 3 }],
        path: ["bookAppointment"],
        extensions: { code: "APPOINTMENT_OVERLAP", requestId: "trace" },
      },
    ]);
  });

  it("of our SQL name the argument that they are about", async () => {
    const variables = {
      patientId: world.abroad.patient.id,
      clinicId: world.here.clinic.id,
      endsAt: "2032-01-01T11:00:00Z",
    };
    const foreign = await api.query(world.here.provider, BOOK, { variables });
    expect(foreign.errors?.[0]?.extensions).toMatchObject({ code: "NOT_FOUND", argument: "patientId" });
    const early = { ...variables, patientId: world.here.patient.id, endsAt: "2031-01-01T11:00:00Z" };
    const backwards = await api.query(world.here.provider, BOOK, { variables: early });
    expect(backwards.errors?.[0]?.extensions).toMatchObject({ code: "BAD_USER_INPUT", argument: "endsAt" });
  });

  const CREATE = `mutation ($patient: PatientInput!) { createPatient(input: { patient: $patient }) { patient { id } } }`;
  const create = (fields: object) =>
    api.query(world.here.staff, CREATE, {
      variables: {
        patient: {
          mrn: "errors-1",
          homeClinicId: world.here.clinic.id,
          givenName: "A",
          familyName: "B",
          birthDate: "1990-01-01",
          ...fields,
        },
      },
      headers: { "X-Organization-Id": world.own },
    });

  it("of a taken unique value say which field it was, without value and constraint", async () => {
    const { rows } = await db.superuser.query("select mrn from app_public.patients where id = $1", [
      world.here.patient.id,
    ]);
    const { errors, text } = await create({ mrn: rows[0].mrn });
    expect(errors?.[0]?.extensions).toMatchObject({ code: "ALREADY_EXISTS", argument: "mrn" });
    expect(text).not.toContain("patients_");
    expect(text).not.toContain(rows[0].mrn);
  });

  it.each([
    ["mrn", { mrn: "" }],
    ["givenName, familyName", { familyName: "" }],
    ["givenName, familyName", { givenName: "x".repeat(5_000) }],
    ["deathDate, birthDate", { deathDate: "1980-01-01" }],
    ["birthDate", { birthDate: "2999-01-01" }],
    ["email", { email: "not an email" }],
  ])("of a constraint say that they are about %s", async (argument, fields) => {
    const { errors, text } = await create(fields);
    expect(errors?.[0]?.extensions).toMatchObject({ code: "BAD_USER_INPUT", argument });
    expect(text).not.toMatch(/patients_|organization/i);
  });

  it("of an update say which field it was, and a record that is well is written", async () => {
    const { data } = await create({ mrn: "errors-well" });
    const update = `mutation ($id: ID!, $mrn: String!) {
      updatePatient(input: { id: $id, patch: { mrn: $mrn } }) { patient { mrn } }
    }`;
    const { id } = data.createPatient.patient;
    const refused = await api.query(world.here.staff, update, { variables: { id, mrn: "" } });
    expect(refused.errors?.[0]?.extensions).toMatchObject({ code: "BAD_USER_INPUT", argument: "mrn" });
    const accepted = await api.query(world.here.staff, update, { variables: { id, mrn: "errors-2" } });
    expect(accepted.data.updatePatient.patient).toEqual({ mrn: "errors-2" });
  });

  it("of variables and documents say where, and are the client's", async () => {
    const variable = await api.query(
      world.here.provider,
      "query ($id: UUID!) { patientByRowId(rowId: $id) { id } }",
      {
        variables: { id: "Jane" },
      },
    );
    expect(variable.errors?.[0]?.extensions?.code).toBe("BAD_USER_INPUT");
    for (const document of ["{ patients {", "{ nope }", "query A { __typename } query A { __typename }"]) {
      const { errors } = await api.query(world.here.provider, document);
      expect(errors?.[0]?.extensions?.code).toBe("BAD_QUERY");
    }
  });

  it("of a document nested too deep for the parser do not show its stack", async () => {
    const { text, errors } = await api.query(world.here.provider, "{a".repeat(20_000));
    expect(errors?.[0]?.extensions?.code).toBe("BAD_QUERY");
    expect(text).not.toMatch(/call stack/i);
  });

  it("that nobody foresaw are INTERNAL, with nothing but the request id, and leave no value anywhere", async () => {
    await db.superuser.query(`
      create function app_public.explode(secret text) returns text language plpgsql volatile as $$
      begin raise exception 'canary % %', secret, '(jane@example.com)' using detail = secret; end $$;
      grant execute on function app_public.explode(text) to app_user`);
    await api.gateway.reload();
    const { errors, text } = await api.query(
      world.here.provider,
      'mutation { explode(input: { secret: "hunter2" }) { result } }',
      { headers: { "X-Request-Id": "trace" } },
    );
    expect(errors?.[0]?.message).toBe("Something went wrong on the server.");
    expect(errors?.[0]?.extensions).toEqual({ code: "INTERNAL", requestId: "trace" });
    expect(text).not.toMatch(/canary|hunter2|jane/);
    await db.superuser.query("drop function app_public.explode(text)");
  });

  it("of a query without a token say to sign in, whatever else is wrong with it", async () => {
    for (const query of [
      "{ patients { totalCount } }",
      "{ viewer { rowId } }",
      "{ organizations { totalCount } }",
    ]) {
      const { status, errors } = await api.query(null, query);
      expect([status, errors?.[0]?.extensions?.code]).toEqual([401, "UNAUTHENTICATED"]);
    }
  });
});

describe("a schema that cannot be read", () => {
  it("leaves the one of before serving", async () => {
    await db.superuser.query("revoke connect on database " + db.name + " from app_authenticator");
    await db.superuser.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app_authenticator' and datname = $1",
      [db.name],
    );
    await expect(api.gateway.reload()).rejects.toThrow();
    const { status, errors, headers } = await api.query(world.here.provider, "{ viewer { rowId } }");
    expect([status, errors?.[0]?.extensions?.code]).toEqual([503, "UNAVAILABLE"]);
    expect(headers.get("x-request-id")).toMatch(/^[\w-]{8,}$/);
    await db.superuser.query("grant connect on database " + db.name + " to app_authenticator");
    expect((await api.query(world.here.provider, "{ viewer { rowId } }")).errors).toBeUndefined();
  });
});
