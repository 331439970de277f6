import { beforeAll, describe, expect, it } from "@jest/globals";

import { createMember, joinClinic } from "../../../src/access/world/people.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

/** No role, the owner and a superuser included, makes a row of one tenant point into another. */
const db = useTestDatabase();
const NOBODY = "00000000-0000-7000-8000-000000000009";
const MESSAGE = /violates foreign key constraint/;
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

const insertAppointment = (patientId: string, providerId: string): [string, string[]] => [
  `insert into app_public.appointments (organization_id, clinic_id, patient_id, provider_id, during)
   values ($1, $2, $3, $4, '[2029-01-01, 2029-01-02)')`,
  [world.own, world.here.clinic.id, patientId, providerId],
];

describe("a patient of another organization", () => {
  it("cannot be attached by a superuser, with the answer for a patient that does not exist", () =>
    db.inTransaction(async (client) => {
      const messages: string[] = [];
      for (const patientId of [world.abroad.patient.id, NOBODY]) {
        await client.query("savepoint s");
        const [sql, values] = insertAppointment(patientId, world.here.provider.userId);
        const error = await client.query(sql, values).catch((failure: Error & { code?: string }) => failure);
        expect(error).toMatchObject({ code: "23503" });
        messages.push((error as Error).message);
        await client.query("rollback to savepoint s");
      }
      expect(messages[0]).toMatch(MESSAGE);
      expect(messages[0]).toBe(messages[1]);
    }));

  it("cannot be attached by the owner of the tables, whom row security holds: to them there is no provider", () =>
    db.asOwner((request) =>
      expect(
        request.attempt(...insertAppointment(world.abroad.patient.id, world.here.provider.userId)),
      ).rejects.toMatchObject({ code: "NTFND" }),
    ));

  it("cannot be attached by an import that declared both organizations", () =>
    db.asData([world.own, world.foreign], (request) =>
      expect(
        request.attempt(...insertAppointment(world.abroad.patient.id, world.here.provider.userId)),
      ).rejects.toMatchObject({ code: "23503" }),
    ));

  it("cannot be attached by a provider of both organizations", async () => {
    const both = await createMember(db.superuser, world.here.clinic, "provider");
    await joinClinic(db.superuser, both, world.abroad.clinic, "provider");
    await db.asUser(both, async (request) => {
      await expect(
        request.attempt(...insertAppointment(world.abroad.patient.id, both.userId)),
      ).rejects.toMatchObject({ code: expect.stringMatching(/^(42501|23503)$/) });
      for (const [table, column] of [
        ["appointments", "organization_id"],
        ["appointments", "clinic_id"],
        ["patients", "organization_id"],
        ["patients", "home_clinic_id"],
        ["care_sessions", "clinic_id"],
      ]) {
        await expect(
          request.attempt(`update app_public.${table} set ${column} = $1`, [world.foreign]),
        ).rejects.toMatchObject({ code: "42501" });
      }
    });
  });
});

describe("a record", () => {
  it.each(["appointments", "care_sessions", "patients", "patient_clinic_links", "clinic_memberships"])(
    "of %s cannot be moved to another organization by an import or a superuser",
    async (table) => {
      const move = `update app_public.${table} set organization_id = $1 where organization_id = $2`;
      await db.inTransaction((client) =>
        expect(client.query(move, [world.foreign, world.own])).rejects.toMatchObject({ code: "BADIN" }),
      );
      await db.asData([world.own, world.foreign], (request) =>
        expect(request.attempt(move, [world.foreign, world.own])).rejects.toMatchObject({ code: "BADIN" }),
      );
    },
  );

  it("of an appointment stays with its patient in a care session", () =>
    db.inTransaction((client) =>
      expect(
        client.query(
          `insert into app_public.care_sessions
             (organization_id, clinic_id, patient_id, provider_id, appointment_id, started_at)
           values ($1, $2, $3, $4, $5, now())`,
          [
            world.own,
            world.here.clinic.id,
            world.here.patient.id,
            world.here.provider.userId,
            world.there.appointment.id,
          ],
        ),
      ).rejects.toMatchObject({ code: "23503" }),
    ));
});

describe("the owner of the tables", () => {
  it.each(["patients", "appointments", "organizations", "users"])("sees no row of %s", (table) =>
    db.asOwner(async (request) => {
      expect(await request.attempt(`select 1 from app_public.${table}`)).toBe(0);
    }),
  );
});

describe("an import", () => {
  it("sees and writes the organizations it declared, and no other", async () => {
    const count = (ids: string[]) =>
      db.asData(ids, (request) => request.attempt("select id from app_public.patients"));
    expect(await count([world.own])).toBe(3);
    expect(await count([world.foreign])).toBe(1);
    expect(await count([])).toBe(0);
    await db.asData([world.foreign], (request) =>
      expect(
        request.attempt(...insertAppointment(world.here.patient.id, world.here.provider.userId)),
      ).rejects.toMatchObject({ code: "42501" }),
    );
  });
});

describe("the worker", () => {
  it("sees appointments of the organization its job names, and none without one", async () => {
    const count = (organizationId: string) =>
      db.asWorker(organizationId, (request) => request.attempt("select id from app_public.appointments"));
    expect(await count(world.own)).toBe(2);
    expect(await count(world.foreign)).toBe(1);
    expect(await count("")).toBe(0);
  });

  it.each([
    "select mrn from app_public.patients",
    "select summary from app_public.care_sessions",
    "select * from app_private.auth_sessions",
  ])("denies %s", (sql) =>
    db.asWorker(world.own, (request) =>
      expect(request.attempt(sql)).rejects.toMatchObject({ code: "42501" }),
    ),
  );
});
