import { beforeAll, describe, expect, it } from "@jest/globals";

import { createPatient } from "../../src/access/world/people.ts";
import { count } from "../tasks/organizationWork.ts";
import { useExportWorld } from "./exportWorld.ts";

const exports = useExportWorld();
const { db } = exports;
/** So many that they do not fit into one event. */
const PATIENTS = 1200;

beforeAll(async () => {
  const { here } = exports.world();
  await db.superuser.query(
    `insert into app_public.patients (organization_id, home_clinic_id, mrn, given_name, family_name, birth_date, sex)
     select organization_id, home_clinic_id, mrn || '-' || n, given_name, family_name || n, birth_date, sex
     from app_public.patients cross join generate_series(1, $2) n where id = $1`,
    [here.patient.id, PATIENTS],
  );
});

/** What the audit says of an export's patients. */
async function eventsOf(exportId: string) {
  const { rows } = await db.superuser.query<{
    actor_id: string;
    organization_id: string;
    clinic_id: string;
    request_id: string | null;
    changed_fields: string[];
    patient_ids: string[];
    row_count: number;
    is_with_ready: boolean;
  }>(
    `select e.actor_id, e.organization_id, e.clinic_id, e.request_id, e.changed_fields, e.patient_ids, e.row_count,
       e.transaction_id = (
         select u.transaction_id from app_audit.events u
         where u.row_id = e.row_id and 'content_sha256' = any (u.changed_fields)
       ) as is_with_ready
     from app_audit.events e where e.row_id = $1 and e.command = 'SELECT' order by e.id`,
    [exportId],
  );
  return rows;
}

const report = (patientId: string) =>
  exports.api.query(
    exports.world().here.clinicAdmin,
    `query ($id: UUID!) {
      patientAccessReport(patientId: $id, from: "2000-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z") {
        nodes { action actorId resourceType resourceId fields }
      }
    }`,
    { variables: { id: patientId } },
  );

describe("an export", () => {
  it("puts on record whose records left, in the transaction that lets it be fetched", async () => {
    const { here, own } = exports.world();
    const exportId = await exports.ask(here.provider);
    await exports.work();
    const { row_count } = await exports.record(exportId);
    const events = await eventsOf(exportId);
    expect(events).toHaveLength(Math.ceil(row_count / 1000));
    const { rows } = await db.superuser.query(
      "select array_agg(id order by id) as ids from app_public.patients where home_clinic_id = $1 and deleted_at is null",
      [here.clinic.id],
    );
    expect(events.flatMap(({ patient_ids }) => patient_ids).toSorted()).toEqual(rows[0].ids);
    expect(events.reduce((sum, event) => sum + event.row_count, 0)).toBe(row_count);
    for (const event of events) {
      expect(event).toMatchObject({
        actor_id: here.provider.userId,
        organization_id: own,
        clinic_id: here.clinic.id,
        request_id: expect.any(String),
        is_with_ready: true,
      });
      expect(event.changed_fields).toEqual(
        expect.arrayContaining(["app_public.patients.birth_date", "app_public.patients.given_name"]),
      );
      expect(event.changed_fields).not.toContain("app_public.patients.id");
    }
  });

  it("of appointments names each patient once, with the columns that are in the file", async () => {
    const { here } = exports.world();
    const exportId = await exports.ask(here.provider, { kind: "APPOINTMENTS" });
    await exports.work();
    expect(await eventsOf(exportId)).toMatchObject([
      {
        patient_ids: [here.patient.id],
        row_count: 1,
        changed_fields: [
          "app_public.appointments.cancelled_reason",
          "app_public.appointments.patient_id",
          "app_public.appointments.reason",
        ],
      },
    ]);
  });

  it("of figures, or one that was withdrawn, names nobody", async () => {
    const { here } = exports.world();
    const ids = [await exports.ask(here.provider, { kind: "METRICS" }), await exports.ask(here.provider)];
    await db.superuser.query("update app_public.export_requests set status = 'cancelled' where id = $1", [
      ids[1],
    ]);
    await exports.work();
    for (const exportId of ids) {
      expect(await eventsOf(exportId)).toEqual([]);
    }
  });

  it("and each download of it is in the report of the patient, and not in that of another clinic's", async () => {
    const { here, there } = exports.world();
    const exportId = await exports.ask(here.provider);
    await exports.work();
    await (await exports.fetch(here.provider, exportId)).arrayBuffer();
    const { data } = await report(here.patient.id);
    const lines = data.patientAccessReport.nodes.filter(
      ({ resourceId }: { resourceId: string }) => resourceId === exportId,
    );
    expect(lines).toMatchObject([
      { action: "download", actorId: here.provider.userId, resourceType: "app_public.export_requests" },
      { action: "export", fields: expect.arrayContaining(["app_public.patients.given_name"]) },
    ]);
    const patient = await createPatient(db.superuser, there.clinic);
    const others = await db.asUser(there.clinicAdmin, ({ rows }) =>
      rows("select action from app_public.patient_access_report($1, '-infinity', 'infinity')", [patient.id]),
    );
    expect(others).toEqual([{ action: "insert" }]);
  });

  it("cannot be put on record by anybody but the person whose it is, nor after it was written", async () => {
    const { here } = exports.world();
    const exportId = await exports.ask(here.provider);
    const sql = "select app_hidden.record_exported_batch($1, '{given_name}', array[$2::uuid], 1)";
    const forge = (person: typeof here.provider) =>
      db.asUser(person, async ({ client }) => {
        await client.query(sql, [exportId, here.patient.id]);
        await client.query("commit");
      });
    await db.superuser.query("update app_public.export_requests set status = 'running' where id = $1", [
      exportId,
    ]);
    await forge(here.clinicAdmin);
    await exports.work();
    const before = await eventsOf(exportId);
    await forge(here.provider);
    expect(await eventsOf(exportId)).toEqual(before);
    expect(
      await count(db, "from app_audit.events where row_id = $1 and actor_id = $2", [
        exportId,
        here.clinicAdmin.userId,
      ]),
    ).toBe(0);
  });
});

describe("what jobs read", () => {
  it("as the worker holds no column of a patient: only what a job does as a person is for the audit to say", async () => {
    const { rows } = await db.superuser.query(
      `select format('%s.%s', s.table_name, c) as column_name
       from app_audit.column_sensitivities s cross join lateral unnest(s.phi) as c
       where has_column_privilege('app_worker', s.table_name::regclass, c, 'select')`,
    );
    expect(rows).toEqual([]);
    expect(await count(db, "from app_audit.column_sensitivities where phi <> '{}'")).toBeGreaterThan(3);
  });
});
