import { beforeAll, describe, expect, it } from "@jest/globals";

import { linkPatient, type Patient } from "../../../src/access/world/people.ts";
import { createWorld, type World } from "../../../src/access/world/world.ts";
import { type Actor, useTestDatabase } from "../../support/database.ts";

/** What is shared with a clinic, and not what it shares itself: the policies of the shares show both sides both. */
const db = useTestDatabase();
let world: World;
/** A patient of `there` whose whole record `here` sees. */
let whole: Patient;
let reportId: string;

beforeAll(async () => {
  world = await createWorld(db.superuser);
  const { own, here, there, shared } = world;
  whole = { ...shared, id: there.patient.id };
  await linkPatient(db.superuser, whole, here.clinic, "full_record");
  const { rows } = await db.superuser.query<{ id: string }>(
    `insert into app_public.reports (organization_id, clinic_id, period, starts_on, ends_on, figures)
     values ($1, $2, 'week', '2029-12-31', '2030-01-06', '[]') returning id`,
    [own, there.clinic.id],
  );
  reportId = rows[0]?.id ?? "";
  await db.superuser.query(
    `insert into app_public.resource_shares
       (organization_id, owner_clinic_id, clinic_id, care_session_id, report_id)
     values ($1, $2, $3, $4, null), ($1, $2, $3, null, $5)`,
    [own, there.clinic.id, here.clinic.id, there.careSessionId, reportId],
  );
});

const idsFor = (actor: Actor, call: string) =>
  db.asUser(actor, async (request) =>
    (await request.rows<{ id: string | null }>(`select id from app_hidden.${call} as id`)).map(
      ({ id }) => id,
    ),
  );

describe.each<[string, () => string[]]>([
  ["shared_patient_ids('{demographics}')", () => [world.shared.id]],
  ["shared_patient_ids('{full_record}')", () => [whole.id]],
  ["shared_care_session_ids()", () => [world.there.careSessionId]],
  ["shared_report_ids()", () => [reportId]],
])("%s", (call, expected) => {
  it("answers everybody of the clinic that it is shared with", async () => {
    for (const actor of [world.here.viewer, world.here.provider]) {
      expect(await idsFor(actor, call)).toEqual(expected());
    }
  });

  it("answers the clinic that shares it, its patients and everybody else with nothing", async () => {
    for (const actor of [world.there.provider, world.portal, world.owner, world.abroad.provider]) {
      expect(await idsFor(actor, call)).toEqual([]);
    }
  });
});

it.each<[string, () => string]>([
  ["shared_care_session_ids()", () => world.there.careSessionId],
  ["shared_report_ids()", () => reportId],
])("%s answers with what is shared for a while until that is over", async (call, id) => {
  const whileSharedFor = async (time: string | null) => {
    await db.superuser.query("update app_public.resource_shares set expires_at = now() + $1::interval", [
      time,
    ]);
    return idsFor(world.here.viewer, call);
  };
  expect(await whileSharedFor("1 hour")).toEqual([id()]);
  expect(await whileSharedFor("-1 second")).toEqual([]);
  expect(await whileSharedFor(null)).toEqual([id()]);
});
