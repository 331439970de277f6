import { beforeAll, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

const db = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(db.superuser);
});

describe("memberships under their askers' names", () => {
  it.each(["memberships", "user_clinic_roles", "organization_members"])(
    "are in %s for who may see them, and those of other organizations are not",
    async (view) => {
      const count = `select from app_public.${view} where user_id = $1`;
      await db.asUser(world.here.provider, async (request) => {
        expect(await request.attempt(count, [world.here.provider.userId])).toBe(1);
        expect(await request.attempt(count, [world.abroad.provider.userId])).toBe(0);
      });
      await db.asUser(world.stranger, async (request) => {
        expect(await request.attempt(`select from app_public.${view}`)).toBe(0);
      });
    },
  );
});

describe("questions about the own access under their askers' names", () => {
  it("lists the own clinics only", () =>
    db.asUser(world.here.provider, async (request) => {
      const asked = "select from app_public.get_user_clinics() as c where c.id = $1";
      expect(await request.attempt(asked, [world.here.clinic.id])).toBe(1);
      expect(await request.attempt(asked, [world.abroad.clinic.id])).toBe(0);
    }));

  it.each([
    ["has_clinic_access", "provider"],
    ["check_clinic_access", "provider"],
    ["is_clinic_admin", "clinicAdmin"],
  ] as const)("answers %s for the own clinic and denies it for another", (name, kind) =>
    db.asUser(world.here[kind], async (request) => {
      const holds = `select where app_public.${name}($1)`;
      expect(await request.attempt(holds, [world.here.clinic.id])).toBe(1);
      expect(await request.attempt(holds, [world.abroad.clinic.id])).toBe(0);
    }),
  );

  it("denies a provider that they run the clinic", () =>
    db.asUser(world.here.provider, async (request) => {
      expect(
        await request.attempt("select where app_public.is_clinic_admin($1)", [world.here.clinic.id]),
      ).toBe(0);
    }));
});
