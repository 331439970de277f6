import { beforeAll, describe, expect, it } from "@jest/globals";

import {
  createAdministrator,
  createMember,
  createPatient,
  createPerson,
  joinClinic,
} from "../../../src/access/world/people.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { type Request, useTestDatabase } from "../../support/database.ts";

const RENAME_MINE =
  "update app_public.clinic_memberships set display_name = 'Myself' where user_id = auth.uid()";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

describe("memberships", () => {
  it("end access with the next statement, the clinic's and the organization's alike", async () => {
    for (const table of ["clinic_memberships", "organization_memberships"]) {
      const provider = await createMember(db.superuser, world.here.clinic, "provider");
      await db.asUser(world.owner, async (request) => {
        await request.become(provider);
        expect(await request.attempt("select id from app_public.patients")).toBeGreaterThan(0);
        await request.become(world.owner);
        expect(
          await request.attempt(`update app_public.${table} set active = false where user_id = $1`, [
            provider.userId,
          ]),
        ).toBe(1);
        await request.become(provider);
        expect(await request.attempt("select id from app_public.patients")).toBe(0);
      });
    }
  });

  it("that have ended still show themselves to whose they are, and no others of that clinic", async () => {
    const provider = await createMember(db.superuser, world.here.clinic, "provider");
    await db.asUser(world.owner, async (request) => {
      await request.attempt("update app_public.clinic_memberships set active = false where user_id = $1", [
        provider.userId,
      ]);
      await request.become(provider);
      expect(await request.rows("select user_id, active from app_public.clinic_memberships")).toEqual([
        { user_id: provider.userId, active: false },
      ]);
    });
  });

  it.each(["owner", "admin"] as const)("deny the %s to change their own role", (kind) =>
    db.asUser(world[kind], async (request) => {
      expect(
        await request.attempt(
          "update app_public.organization_memberships set role = 'owner' where user_id = auth.uid()",
        ),
      ).toBe(0);
    }),
  );

  it("deny an admin to touch an owner", () =>
    db.asUser(world.admin, async (request) => {
      expect(
        await request.attempt(
          "update app_public.organization_memberships set active = false where user_id = $1",
          [world.owner.userId],
        ),
      ).toBe(0);
    }));

  it("deny an admin without the owner's word to bring themselves into a clinic; the owner can", async () => {
    const sql = `insert into app_public.clinic_memberships (organization_id, clinic_id, user_id, role, display_name)
      values ($1, $2, auth.uid(), 'provider', 'Me')`;
    const values = [world.own, world.here.clinic.id];
    await db.asUser(world.admin, (request) =>
      expect(request.attempt(sql, values)).rejects.toMatchObject({ code: "42501" }),
    );
    await db.asUser(world.owner, async (request) => {
      expect(await request.attempt(sql, values)).toBe(1);
      expect(await request.attempt(RENAME_MINE)).toBe(1);
    });
  });

  it("deny an admin to change their own in a clinic", async () => {
    const admin = await createAdministrator(db.superuser, world.own, "admin");
    await joinClinic(db.superuser, admin, world.here.clinic, "provider");
    await db.asUser(admin, async (request) => expect(await request.attempt(RENAME_MINE)).toBe(0));
  });

  it("deny a member of another organization as a colleague, like somebody who does not exist", () =>
    db.asUser(world.here.clinicAdmin, async (request) => {
      for (const userId of [world.abroad.provider.userId, "00000000-0000-7000-8000-000000000009"]) {
        await expect(
          request.attempt(
            `insert into app_public.clinic_memberships (organization_id, clinic_id, user_id, role, display_name)
             values ($1, $2, $3, 'provider', 'X')`,
            [world.own, world.here.clinic.id, userId],
          ),
        ).rejects.toMatchObject({ code: "23503" });
      }
    }));
});

describe("an administrator without a clinic", () => {
  const seen = (request: Request) => request.attempt("select id from app_public.patients");

  it("cannot switch on the reading of records for themselves; the owner can", async () => {
    const sql = "update app_public.organizations set administrators_read_clinical = true where id = $1";
    await db.asUser(world.admin, async (request) => {
      await request.attempt(sql, [world.own]).catch(() => undefined);
      expect(await seen(request)).toBe(0);
    });
    await db.asUser(world.owner, async (request) => {
      expect(await request.attempt(sql, [world.own])).toBe(1);
      expect(await seen(request)).toBe(3);
    });
  });
});

describe("X-Organization-Id and X-Clinic-Id", () => {
  it("narrow what somebody of two organizations sees, and never widen", async () => {
    const both = await createMember(db.superuser, world.here.clinic, "provider");
    await joinClinic(db.superuser, both, world.abroad.clinic, "provider");
    await createPatient(db.superuser, world.abroad.clinic);
    const count = (scope: object) =>
      db.asUser(both, (request) => request.attempt("select id from app_public.appointments"), scope);
    expect(await count({})).toBe(2);
    expect(await count({ organizationId: world.own })).toBe(1);
    expect(await count({ clinicId: world.abroad.clinic.id })).toBe(1);
    expect(await count({ organizationId: world.own, clinicId: world.abroad.clinic.id })).toBe(0);
    expect(await count({ clinicId: world.there.clinic.id })).toBe(0);
    expect(await count({ organizationId: "00000000-0000-7000-8000-000000000009" })).toBe(0);
  });
});

it("a new organization has its maker as owner, and nobody else sees it", async () => {
  const maker = await createPerson(db.superuser);
  const other = await createAdministrator(db.superuser, world.own, "owner");
  await db.asUser(maker, async (request) => {
    const id = await request.value("select id from app_public.create_organization('New', 'new-one')");
    expect(await request.rows("select id from app_public.organizations")).toEqual([{ id }]);
    expect(await request.value("select role from app_public.organization_memberships")).toBe("owner");
    await request.become(other);
    expect(await request.attempt("select id from app_public.organizations where id = $1", [id])).toBe(0);
  });
});
