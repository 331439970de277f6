import { beforeAll, describe, expect, it } from "@jest/globals";

import { useTestDatabase } from "../../support/database.ts";
import { createWorld, type World } from "../../support/world.ts";

const SHARE = "select (app_public.share_care_session($1, $2, $3)).id";
const SEES_SESSION = "select count(*)::int from app_public.care_sessions where id = $1";

const database = useTestDatabase();
let world: World;

beforeAll(async () => {
  world = await createWorld(database.superuser);
});

describe("share_care_session", () => {
  it("shows one session to another clinic, and nothing else of the patient", () =>
    database.asUser(world.there.provider, async ({ value, become }) => {
      await value(SHARE, [world.there.careSessionId, world.here.clinic.id, null]);
      await become(world.here.viewer);
      expect(await value(SEES_SESSION, [world.there.careSessionId])).toBe(1);
      expect(
        await value("select count(*)::int from app_public.patients where id = $1", [world.there.patient.id]),
      ).toBe(0);
    }));

  it("stops when it expires", () =>
    database.asUser(world.there.provider, async ({ value, become }) => {
      await value(SHARE, [world.there.careSessionId, world.here.clinic.id, "2000-01-01T00:00:00Z"]);
      await become(world.here.viewer);
      expect(await value(SEES_SESSION, [world.there.careSessionId])).toBe(0);
    }));

  it("stops when the share is deleted, which the receiving clinic cannot do", () =>
    database.asUser(world.there.provider, async ({ value, become, attempt }) => {
      const share = await value(SHARE, [world.there.careSessionId, world.here.clinic.id, null]);
      const remove = "delete from app_public.resource_shares where id = $1";
      await become(world.here.clinicAdmin);
      expect(await attempt(remove, [share])).toBe(0);
      await become(world.there.provider);
      expect(await attempt(remove, [share])).toBe(1);
      await become(world.here.viewer);
      expect(await value(SEES_SESSION, [world.there.careSessionId])).toBe(0);
    }));

  it.each([
    ["staff of the clinic", () => world.there.staff, "42501"],
    ["a provider of another clinic", () => world.here.provider, "NTFND"],
    ["another organization's provider", () => world.abroad.provider, "NTFND"],
    ["a superadmin", () => world.superadmin, "NTFND"],
  ])("denies %s", (_, person, code) =>
    database.asUser(person(), ({ attempt }) =>
      expect(attempt(SHARE, [world.there.careSessionId, world.here.clinic.id, null])).rejects.toMatchObject({
        code,
      }),
    ),
  );

  it("cannot share with a clinic of another organization", () =>
    database.asUser(world.there.provider, ({ attempt }) =>
      expect(
        attempt(SHARE, [world.there.careSessionId, world.abroad.clinic.id, null]),
      ).rejects.toMatchObject({ code: "23503" }),
    ));
});
