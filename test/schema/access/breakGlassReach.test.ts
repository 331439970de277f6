import { beforeAll, describe, expect, it } from "@jest/globals";

import {
  createAdministrator,
  createClinic,
  createMember,
  createPatient,
  joinClinic,
  type Person,
} from "../../../src/access/world/people.ts";
import type { Request } from "../../../src/access/world/rolledBack.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

const MRN = "SAME-NUMBER";
const BREAK_GLASS = "select (app_public.break_glass($1, 'Unconscious in the emergency room')).patient_id";
const SEES_PATIENT = "select count(*)::int from app_public.patients where id = $1";

const database = useTestDatabase();
let world: World;
/** A provider of `here` and of `abroad`, which is another organization's. */
let roaming: Person;
/** The patients who have the number, of `there` and of `abroad`. */
let patients: { own: string; foreign: string };

beforeAll(async () => {
  world = await createWorld(database.superuser);
  roaming = await createMember(database.superuser, world.here.clinic, "provider");
  await joinClinic(database.superuser, roaming, world.abroad.clinic, "provider");
  patients = {
    own: (await createPatient(database.superuser, world.there.clinic)).id,
    foreign: (await createPatient(database.superuser, world.abroad.clinic)).id,
  };
  await database.superuser.query("update app_public.patients set mrn = $1 where id = any ($2)", [
    MRN,
    Object.values(patients),
  ]);
});

describe("a number that two organizations have given", () => {
  it("opens nothing to a provider of both who does not say which one is meant", () =>
    database.asUser(roaming, async ({ attempt, value }) => {
      await expect(attempt(BREAK_GLASS, [MRN])).rejects.toMatchObject({
        code: "BADIN",
        message: "Say which organization: send X-Organization-Id.",
      });
      expect(await value("select count(*)::int from app_public.break_glass_grants")).toBe(0);
    }));

  it.each(["own", "foreign"] as const)("opens the patient of the organization that is named (%s)", (name) =>
    database.asUser(
      roaming,
      async ({ value }) => expect(await value(BREAK_GLASS, [MRN])).toBe(patients[name]),
      { organizationId: world[name] },
    ),
  );

  it("is one patient's to a provider of one organization, of however many clinics", async () => {
    await joinClinic(database.superuser, world.here.provider, world.there.clinic, "staff");
    await joinClinic(database.superuser, world.there.provider, world.here.clinic, "provider");
    for (const { provider } of [world.here, world.there]) {
      await database.asUser(provider, async ({ value }) =>
        expect(await value(BREAK_GLASS, [MRN])).toBe(patients.own),
      );
    }
  });
});

describe("an emergency access", () => {
  /** As their administrators, while the grant runs. */
  const whileOpen = (change: (request: Request) => Promise<unknown>) =>
    database.asUser(
      roaming,
      async (request) => {
        await request.value(BREAK_GLASS, [MRN]);
        expect(await request.value(SEES_PATIENT, [patients.own])).toBe(1);
        await change(request);
        await request.become(roaming);
        return request.value(SEES_PATIENT, [patients.own]);
      },
      { organizationId: world.own },
    );
  const changeClinicMembership = (set: string) =>
    whileOpen(async ({ become, attempt }) => {
      await become(world.here.clinicAdmin);
      const sql = `update app_public.clinic_memberships set ${set} where user_id = $1 and clinic_id = $2`;
      expect(await attempt(sql, [roaming.userId, world.here.clinic.id])).toBe(1);
    });

  it.each(["role = 'staff'", "role = 'viewer'", "active = false"])(
    "ends with the role that it needed, whatever the person is in another organization (%s)",
    async (set) => expect(await changeClinicMembership(set)).toBe(0),
  );

  it("ends with the membership of the organization, and with the clinic", async () => {
    for (const sql of [
      "update app_public.organization_memberships set active = false where user_id = $1 and organization_id = $2",
      "update app_public.clinics set active = false where $1::uuid is not null and organization_id = $2",
    ]) {
      const seen = await whileOpen(async ({ become, attempt }) => {
        await become(world.owner);
        expect(await attempt(sql, [roaming.userId, world.own])).toBeGreaterThan(0);
      });
      expect(seen).toBe(0);
    }
  });

  it("opens nothing to who reviews it, though they see it and treat patients of the organization", async () => {
    const reviewer = await createAdministrator(database.superuser, world.own, "admin");
    await joinClinic(database.superuser, reviewer, world.here.clinic, "provider");
    const seen = await whileOpen(async ({ become, value }) => {
      await become(reviewer);
      const grants = "select count(*)::int from app_public.break_glass_grants where patient_id = $1";
      expect(await value(grants, [patients.own])).toBe(1);
      expect(await value(SEES_PATIENT, [patients.own])).toBe(0);
      await value(BREAK_GLASS, [MRN]);
      expect(await value(SEES_PATIENT, [patients.own])).toBe(1);
    });
    expect(seen).toBe(1);
  });

  it("goes on with another role, or in another clinic, that may open it too", async () => {
    expect(await changeClinicMembership("role = 'clinic_admin'")).toBe(1);
    const other = await createClinic(database.superuser, world.own);
    const moved = await whileOpen(async ({ become, attempt }) => {
      await become(world.owner);
      await attempt(
        `insert into app_public.clinic_memberships (organization_id, clinic_id, user_id, role, display_name)
         values ($1, $2, $3, 'provider', 'Roaming')`,
        [world.own, other.id, roaming.userId],
      );
      await attempt(
        "update app_public.clinic_memberships set active = false where user_id = $1 and clinic_id = $2",
        [roaming.userId, world.here.clinic.id],
      );
    });
    expect(moved).toBe(1);
  });
});
