import { readFileSync } from "node:fs";

import { describe, expect, it } from "@jest/globals";

import { formatReport } from "../../src/import/importReport.ts";
import { importSynthea } from "../../src/import/synthea/importSynthea.ts";
import { useTestDatabase } from "../support/database.ts";
import { addVisit, patient, type SampleExport, sampleExport, writeExport } from "./syntheaExport.ts";

const db = useTestDatabase();
const TIMEZONE = "America/New_York";

async function runImport(sample: SampleExport) {
  return importSynthea(db.urls.data, { folder: writeExport(sample), timezone: TIMEZONE });
}

async function rows(sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  return (await db.superuser.query(sql, values)).rows;
}

async function count(sql: string): Promise<number> {
  return Number((await rows(`select count(*) from ${sql}`))[0]?.count);
}

describe("an export", () => {
  it("makes the clinics of a town one organization, with their providers", async () => {
    const sample = sampleExport();
    addVisit(sample, { at: "2023-01-27T16:17:47Z" });
    await runImport(sample);
    const found = await rows(
      `select o.name, c.name as clinic, c.timezone, m.display_name, m.speciality, m.role::text, p.email
       from app_public.organizations o
       join app_public.clinics c on c.organization_id = o.id
       join app_public.clinic_memberships m on m.clinic_id = c.id
       join app_public.profiles p on p.user_id = m.user_id
       where o.name ilike $1 order by o.name, c.name`,
      [`${sample.town}%`],
    );
    const member = {
      timezone: TIMEZONE,
      display_name: "Víctor O'Hara",
      speciality: "General Practice",
      role: "provider",
      email: null,
    };
    expect(found).toEqual([
      { ...member, name: expect.stringMatching(/^Town \w+ Clinics$/), clinic: "CLINIC 0" },
      { ...member, name: expect.stringMatching(/^Town \w+ Clinics$/), clinic: "CLINIC 1" },
      { ...member, name: expect.stringMatching(/^Town \w+ Harbour Clinics$/), clinic: "CLINIC 2" },
    ]);
  });

  it("makes a visit an appointment and a care session", async () => {
    const sample = sampleExport();
    const visit = addVisit(sample, { at: "2023-01-27T16:17:47Z" });
    await runImport(sample);
    expect(
      await rows(
        `select a.status::text, a.kind, a.reason, a.starts_at, s.status::text as session, s.summary,
           s.cost_cents::int, s.payer_name, s.appointment_id = a.id as is_linked
         from app_public.appointments a join app_public.care_sessions s using (organization_id, external_id)
         where a.external_id = $1`,
        [visit.Id],
      ),
    ).toEqual([
      {
        status: "completed",
        kind: "ambulatory",
        reason: "Acute viral pharyngitis (disorder)",
        starts_at: new Date("2023-01-27T16:17:47Z"),
        session: "completed",
        summary: "Encounter for symptom: Acute viral pharyngitis (disorder)",
        cost_cents: 379_809,
        payer_name: "Medicaid, Inc",
        is_linked: true,
      },
    ]);
  });

  it("makes a person a patient of each organization they visited, at home where they came first", async () => {
    const sample = sampleExport();
    addVisit(sample, { clinic: 1, at: "2020-01-02T10:00:00Z" });
    addVisit(sample, { clinic: 0, at: "2020-01-01T10:00:00Z" });
    addVisit(sample, { clinic: 2, at: "2020-01-03T10:00:00Z" });
    const report = await runImport(sample);
    expect(report.people).toBe(1);
    expect(report.tables.patients).toEqual({ imported: 2, alreadyThere: 0 });
    expect(
      await rows(
        `select c.name as home, p.given_name, p.family_name, p.sex::text, p.address, l.access::text, lc.name as linked
         from app_public.patients p
         join app_public.clinics c on c.id = p.home_clinic_id
         left join app_public.patient_clinic_links l on l.patient_id = p.id
         left join app_public.clinics lc on lc.id = l.clinic_id
         where p.external_id = $1 order by c.name`,
        [sample.patients[0]?.Id],
      ),
    ).toEqual([
      {
        home: "CLINIC 0",
        given_name: "Keenan",
        family_name: "Johns",
        sex: "male",
        address: '1 "Main" Street',
        access: "full_record",
        linked: "CLINIC 1",
      },
      expect.objectContaining({ home: "CLINIC 2", linked: null }),
    ]);
  });

  it("tells nobody of the past: no job is queued", async () => {
    const sample = sampleExport();
    addVisit(sample, { at: "2023-01-27T16:17:47Z" });
    await runImport(sample);
    expect(await count("graphile_worker._private_jobs")).toBe(0);
  });

  it("needs no payers.csv", async () => {
    const sample = { ...sampleExport(), payers: [] };
    addVisit(sample, { at: "2023-01-27T16:17:47Z" });
    expect((await runImport(sample)).encounters.imported).toBe(1);
  });
});

describe("the same export again", () => {
  it("changes nothing, and leaves nothing in the audit", async () => {
    const sample = sampleExport();
    addVisit(sample, { at: "2023-01-27T16:00:00Z" });
    addVisit(sample, { clinic: 1, at: "2023-01-28T16:00:00Z" });
    addVisit(sample, { at: "2023-01-27T16:30:00Z", patient: 1 });
    const first = await runImport(sample);
    const events = await count("app_audit.events");
    const second = await runImport(sample);
    expect(await count("app_audit.events")).toBe(events);
    expect(second.encounters).toEqual({ read: 3, imported: 0, alreadyThere: 2, rejected: 1 });
    expect(second.rejections).toEqual(first.rejections);
    expect(formatReport(second)).toContain("Nothing changed.");
  });

  it("brings what is new, and leaves alone what people have changed since", async () => {
    const sample = sampleExport();
    const old = addVisit(sample, { at: "2023-01-27T16:00:00Z" });
    await runImport(sample);
    await rows("update app_public.patients set family_name = 'Corrected' where external_id = $1", [
      old.PATIENT,
    ]);
    addVisit(sample, { at: "2024-01-27T16:00:00Z" });
    expect((await runImport(sample)).encounters).toMatchObject({ imported: 1, alreadyThere: 1 });
    expect(
      await rows("select family_name from app_public.patients where external_id = $1", [old.PATIENT]),
    ).toEqual([{ family_name: "Corrected" }]);
  });
});

describe("every encounter is accounted for:", () => {
  it("of two that overlap, the one that comes first is imported and the other one names it", async () => {
    const sample = sampleExport();
    const later = addVisit(sample, { at: "2023-01-27T16:30:00Z" });
    const earlier = addVisit(sample, { at: "2023-01-27T16:00:00Z", patient: 1 });
    const report = await runImport(sample);
    expect(report.encounters).toEqual({ read: 2, imported: 1, alreadyThere: 0, rejected: 1 });
    expect(report.rejections).toEqual([
      {
        file: "encounters.csv",
        line: 2,
        id: later.Id,
        reason: "overlap",
        detail: `overlaps encounter ${earlier.Id} of the same provider`,
      },
    ]);
  });

  it.each<[string, Record<string, string>, string, RegExp]>([
    ["ends when it starts", { STOP: "2023-01-27T16:00:00Z" }, "no_duration", /STOP must be later/],
    ["ends before it starts", { STOP: "2023-01-26T16:00:00Z" }, "no_duration", /STOP must be later/],
    ["lasts eight days", { STOP: "2023-02-04T16:00:00Z" }, "too_long", /at most 7 days/],
    ["has no end", { STOP: "" }, "invalid_value", /STOP must be a time/],
    ["starts on February 30th", { START: "2023-02-30T16:00:00Z" }, "invalid_value", /START must be a time/],
    ["costs a word", { TOTAL_CLAIM_COST: "lots" }, "invalid_value", /TOTAL_CLAIM_COST must be an amount/],
    ["has no id", { Id: "7" }, "invalid_value", /ID must be a uuid/],
    [
      "is with nobody known",
      { PROVIDER: "00000000-0000-4000-8000-000000000001", PATIENT: "00000000-0000-4000-8000-000000000002" },
      "unknown_reference",
      /^PROVIDER .* imported, PATIENT .* imported$/,
    ],
  ])("one that %s is rejected", async (_title, changes, reason, detail) => {
    const sample = sampleExport();
    addVisit(sample, { at: "2023-01-27T16:00:00Z", changes });
    addVisit(sample, { at: "2023-01-28T16:00:00Z", patient: 1 });
    const report = await runImport(sample);
    expect(report.encounters).toMatchObject({ read: 2, imported: 1, rejected: 1 });
    expect(report.rejections[0]).toMatchObject({ file: "encounters.csv", line: 2, reason });
    expect(report.rejections[0]?.detail).toMatch(detail);
  });

  it.each([
    ["BIRTHDATE", "2999-01-01"],
    ["BIRTHDATE", "0973-10-28"],
    ["DEATHDATE", "2999-01-01"],
  ])("one of a patient whose %s is %s is rejected with the patient", async (column, day) => {
    const sample = sampleExport();
    Object.assign(sample.patients[0] ?? {}, { [column]: day });
    addVisit(sample, { at: "2023-01-27T16:00:00Z" });
    addVisit(sample, { at: "2023-01-28T16:00:00Z", patient: 1 });
    const report = await runImport(sample);
    expect(report.encounters).toMatchObject({ read: 2, imported: 1, rejected: 1 });
    expect(report.rejections).toContainEqual(
      expect.objectContaining({
        file: "patients.csv",
        line: 2,
        reason: "invalid_value",
        detail: `${column} must be between 1880 and today`,
      }),
    );
  });

  it("one that comes twice is imported once", async () => {
    const sample = sampleExport();
    sample.encounters.push(addVisit(sample, { at: "2023-01-27T16:00:00Z" }));
    const report = await runImport(sample);
    expect(report.encounters).toMatchObject({ imported: 1, rejected: 1 });
    expect(report.rejections[0]).toMatchObject({
      reason: "duplicate_id",
      line: 3,
      detail: "line 2 has the same id",
    });
  });

  it("and so is a patient whom no clinic has seen, in the file with all rejections too", async () => {
    const sample = sampleExport();
    addVisit(sample, { at: "2023-01-27T16:00:00Z" });
    const unseen = patient();
    sample.patients = [...sample.patients.slice(0, 1), unseen];
    const folder = writeExport(sample);
    await importSynthea(db.urls.data, { folder, timezone: TIMEZONE, reportPath: `${folder}/rejected.csv` });
    expect(readFileSync(`${folder}/rejected.csv`, "utf8")).toBe(
      `file,line,id,reason,detail\npatients.csv,3,${unseen.Id},not_visited,no encounter that can be imported is the patient’s\n`,
    );
  });
});
