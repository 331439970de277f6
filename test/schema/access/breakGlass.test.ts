import { beforeAll, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

const BREAK_GLASS = "select (app_public.break_glass($1, 'Unconscious in the emergency room', $2)).id";
const SEES_PATIENT = "select count(*)::int from app_public.patients where id = $1";
const REVIEW = "select (app_public.review_break_glass($1, 'Justified', $2)).reviewed_by";

const database = useTestDatabase();
let world: World;
let mrn: string;

beforeAll(async () => {
  world = await createWorld(database.superuser);
  const { rows } = await database.superuser.query("select mrn from app_public.patients where id = $1", [
    world.there.patient.id,
  ]);
  mrn = rows[0].mrn;
});

describe("break_glass", () => {
  it("opens the record, appointments and sessions of a patient of another clinic to a provider", () =>
    database.asUser(world.here.provider, async ({ value }) => {
      expect(await value(SEES_PATIENT, [world.there.patient.id])).toBe(0);
      await value(BREAK_GLASS, [mrn, 30]);
      expect(await value(SEES_PATIENT, [world.there.patient.id])).toBe(1);
      for (const table of ["appointments", "care_sessions"]) {
        expect(
          await value(`select count(*)::int from app_public.${table} where patient_id = $1`, [
            world.there.patient.id,
          ]),
        ).toBe(1);
      }
    }));

  it("opens nothing to colleagues of whoever broke the glass", () =>
    database.asUser(world.here.provider, async ({ value, become }) => {
      await value(BREAK_GLASS, [mrn, 30]);
      await become(world.here.clinicAdmin);
      expect(await value(SEES_PATIENT, [world.there.patient.id])).toBe(0);
    }));

  it("lets nobody change the record", () =>
    database.asUser(world.here.provider, async ({ value, attempt }) => {
      await value(BREAK_GLASS, [mrn, 30]);
      expect(
        await attempt("update app_public.patients set phone = '111' where id = $1", [world.there.patient.id]),
      ).toBe(0);
    }));

  it("ends by itself", async () => {
    await database.inTransaction(async (client) => {
      await client.query(
        `insert into app_public.break_glass_grants
           (organization_id, patient_id, home_clinic_id, user_id, reason, expires_at, created_at)
         values ($1, $2, $3, $4, 'Unconscious in the ER', now() - interval '1 second', now() - interval '1 hour')`,
        [world.own, world.there.patient.id, world.there.clinic.id, world.here.provider.userId],
      );
      await client.query(
        "select set_config('jwt.claims.sub', $1, true), set_config('role', 'app_user', true)",
        [world.here.provider.userId],
      );
      const { rows } = await client.query(SEES_PATIENT, [world.there.patient.id]);
      expect(rows[0].count).toBe(0);
    });
  });

  it.each([
    ["staff", () => world.here.staff],
    ["a viewer", () => world.here.viewer],
    ["an owner without a clinic", () => world.owner],
    ["another organization's provider", () => world.abroad.provider],
    ["a superadmin", () => world.superadmin],
    ["a stranger", () => world.stranger],
  ])("denies %s, as if there were no such patient", (_, person) =>
    database.asUser(person(), ({ attempt }) =>
      expect(attempt(BREAK_GLASS, [mrn, 30])).rejects.toMatchObject({ code: "NTFND" }),
    ),
  );

  it("denies anonymous", () =>
    database.asAnonymous(({ attempt }) =>
      expect(attempt(BREAK_GLASS, [mrn, 30])).rejects.toMatchObject({ code: "42501" }),
    ));

  it("wants a reason and an end within eight hours", () =>
    database.asUser(world.here.provider, async ({ attempt }) => {
      await expect(attempt(BREAK_GLASS, [mrn, 481])).rejects.toMatchObject({ code: "BADIN" });
      await expect(attempt("select app_public.break_glass($1, 'because')", [mrn])).rejects.toMatchObject({
        code: "BADIN",
      });
    }));
});

describe("review_break_glass", () => {
  it("can be done by an administrator of the home clinic, and can end the access", () =>
    database.asUser(world.here.provider, async ({ value, become }) => {
      const grant = await value(BREAK_GLASS, [mrn, 30]);
      await become(world.there.clinicAdmin);
      expect(await value(REVIEW, [grant, true])).toBe(world.there.clinicAdmin.userId);
      await become(world.here.provider);
      expect(await value(SEES_PATIENT, [world.there.patient.id])).toBe(0);
    }));

  it.each([
    ["whoever broke the glass", () => world.here.provider],
    ["an administrator of another clinic", () => world.here.clinicAdmin],
    ["a provider of the home clinic", () => world.there.provider],
    ["another organization's administrator", () => world.abroad.clinicAdmin],
    ["a superadmin", () => world.superadmin],
  ])("denies %s", (_, person) =>
    database.asUser(world.here.provider, async ({ value, become, attempt }) => {
      const grant = await value(BREAK_GLASS, [mrn, 30]);
      await become(person());
      await expect(attempt(REVIEW, [grant, false])).rejects.toMatchObject({ code: "NTFND" });
    }),
  );

  it("is done once: nobody puts another judgement in its place", () =>
    database.asUser(world.here.provider, async ({ value, become, attempt }) => {
      const grant = await value(BREAK_GLASS, [mrn, 30]);
      await become(world.owner);
      expect(await value(REVIEW, [grant, false])).toBe(world.owner.userId);
      await become(world.there.clinicAdmin);
      await expect(attempt(REVIEW, [grant, true])).rejects.toMatchObject({ code: "NTFND" });
      expect(
        await attempt("update app_public.break_glass_grants set reviewed_by = auth.uid() where id = $1", [
          grant,
        ]),
      ).toBe(0);
    }));

  it("leaves one event for opening and one for reviewing", () =>
    database.asUser(world.here.provider, async ({ value, rows, become }) => {
      const grant = await value(BREAK_GLASS, [mrn, 30]);
      await become(world.admin);
      await value(REVIEW, [grant, false]);
      expect(
        await rows("select action from app_public.audit_logs where resource_id = $1 order by created_at", [
          grant,
        ]),
      ).toEqual([{ action: "insert" }, { action: "update" }]);
    }));
});
