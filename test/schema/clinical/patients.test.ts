import { beforeAll, describe, expect, it } from "@jest/globals";

import {
  createAppointment,
  createPatient,
  createPerson,
  linkPatient,
} from "../../../src/access/world/people.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { type Request, useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

const sees = (request: Request, table: string, column: string, id: string) =>
  request.attempt(`select id from app_public.${table} where ${column} = $1`, [id]);

describe("a shared patient", () => {
  it("is seen by name only, until the home clinic shares the full record", async () => {
    const { here, there, shared } = world;
    await createAppointment(db.superuser, there.clinic, shared, there.provider);
    await db.asUser(here.viewer, async (request) => {
      expect(await sees(request, "patients", "id", shared.id)).toBe(1);
      expect(await sees(request, "appointments", "patient_id", shared.id)).toBe(0);
      await request.become(there.provider);
      await request.attempt("select * from app_public.link_patient_to_clinic($1, $2, 'full_record')", [
        shared.id,
        here.clinic.id,
      ]);
      await request.become(here.viewer);
      expect(await sees(request, "appointments", "patient_id", shared.id)).toBe(1);
      await request.become(there.provider);
      await request.attempt("select * from app_public.unlink_patient_from_clinic($1, $2)", [
        shared.id,
        here.clinic.id,
      ]);
      await request.become(here.viewer);
      expect(await sees(request, "patients", "id", shared.id)).toBe(0);
    });
  });

  it("cannot be taken: the receiving clinic can neither make nor widen a link", () =>
    db.asUser(world.here.clinicAdmin, async (request) => {
      const { own, here, there } = world;
      const insert = `insert into app_public.patient_clinic_links
        (organization_id, clinic_id, patient_id, home_clinic_id, access) values ($1, $2, $3, $4, 'full_record')`;
      await expect(
        request.attempt(insert, [own, here.clinic.id, there.patient.id, there.clinic.id]),
      ).rejects.toMatchObject({ code: "42501" });
      await expect(
        request.attempt(insert, [own, there.clinic.id, there.patient.id, here.clinic.id]),
      ).rejects.toMatchObject({ code: "23503" });
    }));

  it.each([
    ["staff", "42501"],
    ["viewer", "42501"],
  ] as const)("denies sharing by %s of the home clinic", (kind, code) =>
    db.asUser(world.here[kind], (request) =>
      expect(
        request.attempt("select * from app_public.link_patient_to_clinic($1, $2)", [
          world.here.patient.id,
          world.there.clinic.id,
        ]),
      ).rejects.toMatchObject({ code }),
    ),
  );

  it("denies sharing with a clinic of another organization, like one that does not exist", () =>
    db.asUser(world.here.provider, async (request) => {
      for (const clinicId of [world.abroad.clinic.id, "00000000-0000-7000-8000-000000000009"]) {
        await expect(
          request.attempt("select * from app_public.link_patient_to_clinic($1, $2)", [
            world.here.patient.id,
            clinicId,
          ]),
        ).rejects.toMatchObject({ code: "23503" });
      }
    }));
});

describe("the patient", () => {
  it("sees the own record, appointments and sessions, and nobody else's", () =>
    db.asUser(world.portal, async (request) => {
      const { patient, appointment, careSessionId } = world.here;
      expect(await request.rows("select id from app_public.patients")).toEqual([{ id: patient.id }]);
      expect(await request.rows("select id from app_public.appointments")).toEqual([{ id: appointment.id }]);
      expect(await request.rows("select id from app_public.care_sessions")).toEqual([{ id: careSessionId }]);
    }));

  it("sees nothing any more when archived", async () => {
    const portal = await createPerson(db.superuser);
    const patient = await createPatient(db.superuser, world.here.clinic, { portalUserId: portal.userId });
    await db.asUser(world.here.staff, async (request) => {
      await request.attempt("select * from app_public.archive_patient($1)", [patient.id]);
      await request.become(portal);
      expect(await request.attempt("select id from app_public.patients")).toBe(0);
      await request.become(world.here.staff);
      expect(await request.attempt("select * from app_public.restore_patient($1)", [patient.id])).toBe(1);
      await request.become(portal);
      expect(await request.attempt("select id from app_public.patients")).toBe(1);
    });
  });
});

describe("archive_patient", () => {
  it("answers a viewer, another clinic and another organization like an id that does not exist", async () => {
    const { here, there, abroad, owner, superadmin } = world;
    for (const actor of [here.viewer, there.provider, abroad.provider, owner, superadmin]) {
      await db.asUser(actor, (request) =>
        expect(
          request.attempt("select * from app_public.archive_patient($1)", [here.patient.id]),
        ).rejects.toMatchObject({
          code: "NTFND",
          message: "There is no such patient.",
        }),
      );
    }
  });
});

describe("a superadmin", () => {
  it("reads records only with a purpose of use, and never writes one", () =>
    db.asUser(world.superadmin, async (request) => {
      expect(await request.attempt("select id from app_public.patients")).toBe(0);
      await request.become(world.superadmin, { purposeOfUse: "support" });
      expect(await request.attempt("select id from app_public.patients")).toBeGreaterThan(3);
      expect(await request.attempt("update app_public.patients set city = 'X'")).toBe(0);
      await request.become(world.superadmin, { purposeOfUse: "support", organizationId: world.foreign });
      expect(await request.attempt("select id from app_public.patients")).toBe(1);
    }));

  it("is one by the database, and stops being one with the next statement", async () => {
    const former = await createPerson(db.superuser, { isSuperadmin: true });
    const count = () =>
      db.asUser(former, (request) => request.attempt("select id from app_public.organizations"));
    expect(await count()).toBe(2);
    await db.superuser.query("update app_public.users set is_superadmin = false where id = $1", [
      former.userId,
    ]);
    expect(await count()).toBe(0);
  });
});

describe("a clinic that was closed", () => {
  it("shows its records to nobody who worked there", () =>
    db.inTransaction(async (client) => {
      await client.query("update app_public.clinics set active = false where id = $1", [
        world.here.clinic.id,
      ]);
      await client.query(
        "select set_config('jwt.claims.sub', $1, true), set_config('jwt.claims.sid', $2, true)",
        [world.here.provider.userId, world.here.provider.sessionId],
      );
      await client.query("set local role app_user");
      expect((await client.query("select id from app_public.patients")).rowCount).toBe(0);
    }));
});

describe("has_clinic_access and is_clinic_admin", () => {
  it.each([
    ["clinicAdmin", true, true],
    ["viewer", true, false],
    ["owner", false, true],
    ["stranger", false, false],
  ] as const)("answer %s with %s and %s", (kind, hasAccess, isAdmin) => {
    const actor = kind === "clinicAdmin" || kind === "viewer" ? world.here[kind] : world[kind];
    return db.asUser(actor, async (request) => {
      expect(
        await request.rows(
          "select app_public.has_clinic_access($1) as a, app_public.check_clinic_access($1) as b, app_public.is_clinic_admin($1) as c",
          [world.here.clinic.id],
        ),
      ).toEqual([{ a: hasAccess, b: hasAccess, c: isAdmin }]);
    });
  });
});

it("a link is found by both clinics and by nobody else", async () => {
  const { here, there, abroad, linkId } = world;
  const patient = await createPatient(db.superuser, there.clinic);
  await linkPatient(db.superuser, patient, here.clinic, "demographics");
  const visible = (actor: typeof here.provider) =>
    db.asUser(actor, (request) => sees(request, "patient_clinic_links", "id", linkId));
  expect(await visible(here.provider)).toBe(1);
  expect(await visible(there.provider)).toBe(1);
  expect(await visible(abroad.provider)).toBe(0);
});

it("a link is found by the patient whose record is shared, and those of others are not", async () => {
  const { here, there, portal, linkId } = world;
  const own = await linkPatient(db.superuser, here.patient, there.clinic, "demographics");
  await db.asUser(portal, async (request) => {
    expect(await sees(request, "patient_clinic_links", "id", own)).toBe(1);
    expect(await sees(request, "patient_clinic_links", "id", linkId)).toBe(0);
  });
});
