import { beforeAll, describe, expect, it } from "@jest/globals";

import { createWorld, type World } from "../../../src/access/world/world.ts";
import { useTestDatabase } from "../../support/database.ts";

const REPORT = `select actor_id, actor_name is not null as is_named, action, resource_type, resource_id, fields, grant_id,
    emergency_reason
  from app_public.patient_access_report($1, now() - interval '1 day', clock_timestamp() + interval '1 day')`;
const COUNT = `select count(*)::int from app_public.patient_access_report($1, '-infinity', 'infinity')`;
const REASON = "Unconscious in the emergency room";

const database = useTestDatabase();
let world: World;
/** The patient of `here`, whose portal's user is `portal`. */
let patientId: string;

beforeAll(async () => {
  world = await createWorld(database.superuser);
  patientId = world.here.patient.id;
});

describe("patient_access_report", () => {
  it.each([
    ["the patient", () => world.portal],
    ["an administrator of the home clinic", () => world.here.clinicAdmin],
    ["an owner of the organization", () => world.owner],
    ["an admin of the organization", () => world.admin],
  ])("is given to %s", (_, person) =>
    database.asUser(person(), async ({ value }) =>
      expect(await value(COUNT, [patientId])).toBeGreaterThan(2),
    ),
  );

  it.each([
    ["a provider of the home clinic", () => world.here.provider],
    ["staff of the home clinic", () => world.here.staff],
    ["an administrator of another clinic", () => world.there.clinicAdmin],
    ["another organization's administrator", () => world.abroad.clinicAdmin],
    ["a superadmin", () => world.superadmin],
    ["a stranger", () => world.stranger],
  ])("is denied to %s, as if there were no such patient", (_, person) =>
    database.asUser(person(), ({ attempt }) =>
      expect(attempt(COUNT, [patientId])).rejects.toMatchObject({ code: "NTFND" }),
    ),
  );

  it("is denied to a patient about another one, and to anonymous", async () => {
    await database.asUser(world.portal, ({ attempt }) =>
      expect(attempt(COUNT, [world.there.patient.id])).rejects.toMatchObject({ code: "NTFND" }),
    );
    await database.asAnonymous(({ attempt }) =>
      expect(attempt(COUNT, [patientId])).rejects.toMatchObject({ code: "42501" }),
    );
  });

  it("says who changed what, by field names", () =>
    database.asUser(world.here.staff, async ({ attempt, rows, become }) => {
      await attempt("update app_public.patients set phone = '+1 555 0199' where id = $1", [patientId]);
      await become(world.portal);
      expect((await rows(REPORT, [patientId]))[0]).toEqual({
        actor_id: world.here.staff.userId,
        is_named: true,
        action: "update",
        resource_type: "app_public.patients",
        resource_id: patientId,
        fields: ["phone"],
        grant_id: null,
        emergency_reason: null,
      });
    }));

  it("says who wrote and changed a transcript of their session, and nothing of those of others", () =>
    database.asUser(world.here.provider, async ({ value, attempt, rows, become }) => {
      const write = "select (app_public.write_transcript($1, '[]')).id";
      const transcript = await value(write, [world.here.careSessionId]);
      await attempt("select app_public.finalize_transcript($1)", [transcript]);
      await become(world.there.provider);
      const other = await value(write, [world.there.careSessionId]);
      const linesOf = async (patient: string) =>
        (await rows(REPORT, [patient]))
          .filter(({ resource_type: type }) => type === "app_public.session_transcripts")
          .map(({ actor_id, action, resource_id }) => [actor_id, action, resource_id]);
      await become(world.portal);
      expect(await linesOf(patientId)).toEqual([
        [world.here.provider.userId, "update", transcript],
        [world.here.provider.userId, "insert", transcript],
      ]);
      await become(world.there.clinicAdmin);
      expect(await linesOf(world.there.patient.id)).toEqual([[world.there.provider.userId, "insert", other]]);
    }));

  it("says so of transcripts that an import writes, of several patients at once, and of those removed", async () => {
    await database.inTransaction(async (client) => {
      await client.query(
        `insert into app_public.session_transcripts (organization_id, clinic_id, care_session_id, segments)
         select organization_id, clinic_id, id, '[]' from app_public.care_sessions where id = any ($1)`,
        [[world.here.careSessionId, world.abroad.careSessionId]],
      );
      await client.query("delete from app_public.session_transcripts where care_session_id = $1", [
        world.abroad.careSessionId,
      ]);
      const { rows } = await client.query(
        `select command, patient_ids from app_audit.events
         where transaction_id = pg_current_xact_id() and table_name = 'app_public.session_transcripts'`,
      );
      const foreign = [world.abroad.patient.id];
      expect(rows).toHaveLength(3);
      expect(rows).toEqual(
        expect.arrayContaining([
          { command: "INSERT", patient_ids: [patientId] },
          { command: "INSERT", patient_ids: foreign },
          { command: "DELETE", patient_ids: foreign },
        ]),
      );
    });
  });

  it("says who opened the record in an emergency, and why", () =>
    database.asUser(world.there.provider, async ({ value, rows, become }) => {
      const mrn = await database.superuser.query("select mrn from app_public.patients where id = $1", [
        patientId,
      ]);
      const grant = await value("select (app_public.break_glass($1, $2, 30)).id", [mrn.rows[0].mrn, REASON]);
      for (const reader of [world.portal, world.here.clinicAdmin]) {
        await become(reader);
        expect(await rows(REPORT, [patientId])).toContainEqual(
          expect.objectContaining({
            actor_id: world.there.provider.userId,
            resource_type: "app_public.break_glass_grants",
            grant_id: grant,
            emergency_reason: REASON,
          }),
        );
      }
    }));

  it("says that a session was shown to another clinic, and that it is not any more", () =>
    database.asUser(world.here.provider, async ({ value, attempt, rows, become }) => {
      const share = await value(
        `insert into app_public.resource_shares (organization_id, owner_clinic_id, clinic_id, care_session_id)
         values ($1, $2, $3, $4) returning id`,
        [world.own, world.here.clinic.id, world.there.clinic.id, world.here.careSessionId],
      );
      await attempt("delete from app_public.resource_shares where id = $1", [share]);
      await become(world.portal);
      const found = (await rows(REPORT, [patientId])).filter(({ resource_id: id }) => id === share);
      expect(found.map(({ action }) => action)).toEqual(["delete", "insert"]);
      await become(world.there.clinicAdmin);
      const others = await rows(REPORT, [world.there.patient.id]);
      expect(others.some(({ resource_id: id }) => id === share)).toBe(false);
    }));

  it("says who read it, and leaves out what was refused and what is of others", async () => {
    await database.superuser.query(
      `insert into app_audit.events
         (organization_id, actor_id, actor_role, command, table_name, changed_fields, patient_ids, outcome, error_code)
       values ($1, $2, 'app_user', 'SELECT', 'app_public.patients', '{given_name}', array[$3, $4]::uuid[], 'ok', null),
         ($1, $2, 'app_user', 'ATTEMPT', 'app_public.patients', '{}', array[$3]::uuid[], 'denied', 'FORBIDDEN'),
         ($1, $2, 'app_user', 'SELECT', 'app_public.patients', '{phone}', array[$4]::uuid[], 'ok', null)`,
      [world.own, world.here.viewer.userId, patientId, world.there.patient.id],
    );
    await database.asUser(world.portal, async ({ rows }) => {
      const lines = await rows(REPORT, [patientId]);
      expect(lines.filter(({ actor_id: id }) => id === world.here.viewer.userId)).toEqual([
        expect.objectContaining({ action: "read", resource_id: null, fields: ["given_name"] }),
      ]);
    });
  });

  it("keeps to its period, and wants one", () =>
    database.asUser(world.portal, async ({ value, attempt }) => {
      const of = (from: string, to: string) =>
        `select count(*)::int from app_public.patient_access_report($1, ${from}, ${to})`;
      expect(await value(of("'2001-01-01'", "now() - interval '1 day'"), [patientId])).toBe(0);
      await expect(attempt(of("now()", "now()"), [patientId])).rejects.toMatchObject({ code: "BADIN" });
    }));
});
