import { beforeAll, describe, expect, it } from "@jest/globals";

import { createClinic } from "../../../src/access/world/people.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

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

  it("lasts until it expires", () =>
    database.asUser(world.there.provider, async ({ value, become }) => {
      await value(SHARE, [world.there.careSessionId, world.here.clinic.id, "2100-01-01T00:00:00Z"]);
      await become(world.here.viewer);
      expect(await value(SEES_SESSION, [world.there.careSessionId])).toBe(1);
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

  it("cannot be passed on by the clinic that it is shared with", async () => {
    const third = await createClinic(database.superuser, world.own);
    await database.asUser(world.there.provider, async ({ value, become, attempt }) => {
      await value(SHARE, [world.there.careSessionId, world.here.clinic.id, null]);
      await become(world.here.provider);
      expect(await value(SEES_SESSION, [world.there.careSessionId])).toBe(1);
      await expect(attempt(SHARE, [world.there.careSessionId, third.id, null])).rejects.toMatchObject({
        code: "42501",
      });
    });
  });

  it("cannot share with a clinic of another organization", () =>
    database.asUser(world.there.provider, ({ attempt }) =>
      expect(attempt(SHARE, [world.there.careSessionId, world.abroad.clinic.id, null])).rejects.toMatchObject(
        { code: "23503" },
      ),
    ));
});

describe("share_report", () => {
  const SHARE_REPORT = "select (app_public.share_report($1, $2)).id";
  const SEES_REPORT = "select count(*)::int from app_public.reports where id = $1";
  let reportId: string;

  beforeAll(async () => {
    const { rows } = await database.superuser.query(
      `insert into app_public.reports (organization_id, clinic_id, period, starts_on, ends_on, figures)
       values ($1, $2, 'week', '2029-12-31', '2030-01-06', '[]') returning id`,
      [world.own, world.there.clinic.id],
    );
    reportId = rows[0].id;
  });

  it("shows a report to everybody of another clinic", () =>
    database.asUser(world.there.provider, async ({ value, become }) => {
      await value(SHARE_REPORT, [reportId, world.here.clinic.id]);
      await become(world.here.viewer);
      expect(await value(SEES_REPORT, [reportId])).toBe(1);
      await become(world.abroad.provider);
      expect(await value(SEES_REPORT, [reportId])).toBe(0);
    }));

  it.each([
    ["until it expires", "2100-01-01T00:00:00Z", 1],
    ["no longer than that", "2000-01-01T00:00:00Z", 0],
  ])("shows it %s", (_, expiresAt, seen) =>
    database.asUser(world.there.provider, async ({ value, become, attempt }) => {
      const shareId = await value(SHARE_REPORT, [reportId, world.here.clinic.id]);
      const expire = "update app_public.resource_shares set expires_at = $2 where id = $1";
      expect(await attempt(expire, [shareId, expiresAt])).toBe(1);
      await become(world.here.viewer);
      expect(await value(SEES_REPORT, [reportId])).toBe(seen);
    }),
  );

  it.each([
    ["staff of the clinic", () => world.there.staff, "42501"],
    ["who runs the organization and treats nobody", () => world.owner, "42501"],
    ["a provider of another clinic", () => world.here.provider, "NTFND"],
    ["another organization's provider", () => world.abroad.provider, "NTFND"],
  ])("denies %s", (_, person, code) =>
    database.asUser(person(), ({ attempt }) =>
      expect(attempt(SHARE_REPORT, [reportId, world.here.clinic.id])).rejects.toMatchObject({ code }),
    ),
  );
});
