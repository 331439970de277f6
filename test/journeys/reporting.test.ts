import { beforeAll, describe, expect, it, jest } from "@jest/globals";

import { admit, employ, found, openClinic } from "./clinicSteps.ts";
import { useJourney, type Visitor } from "./useJourney.ts";

jest.setTimeout(120_000);

const journey = useJourney();
const REPORT = `mutation ($clinicId: UUID!, $organizationId: UUID!, $day: Date!) {
  createReport(input: { clinicId: $clinicId, organizationId: $organizationId, day: $day, period: MONTH }) {
    result { rowId startsOn figures }
  }
}`;
const SHARE = `mutation ($reportId: UUID!, $clinicId: UUID!) {
  shareReport(input: { reportId: $reportId, clinicId: $clinicId }) { result { rowId } }
}`;
const READ = "query ($id: UUID!) { reportByRowId(rowId: $id) { startsOn } }";
const EXPORT = `mutation ($clinicId: UUID!) {
  requestExport(input: { kind: PATIENTS, format: CSV, clinicId: $clinicId }) { result { rowId status } }
}`;
const STATE = "query ($id: UUID!) { exportRequestByRowId(rowId: $id) { status rowCount downloadCount } }";
const LINK = `mutation ($exportId: UUID!) {
  createExportLink(input: { exportId: $exportId }) { result { path } }
}`;
const COUNT_CALLS = `mutation ($callMetric: CallMetricInput!) {
  createCallMetric(input: { callMetric: $callMetric }) { callMetric { rowId } }
}`;

let owner: Visitor;
let provider: Visitor;
let colleague: Visitor;
let foreign: Visitor;
let organizationId = "";
let clinicId = "";
let otherClinicId = "";

beforeAll(async () => {
  owner = await journey.signUp("Owner");
  provider = await journey.signUp("Provider");
  colleague = await journey.signUp("Colleague");
  foreign = await journey.signUp("Foreign");
  organizationId = await found(journey, owner, "Seaside");
  clinicId = await openClinic(journey, owner, organizationId, "Harbour");
  otherClinicId = await openClinic(journey, owner, organizationId, "Beach");
  await employ(journey, owner, provider, { organizationId, clinicId, clinicRole: "CLINIC_ADMIN" });
  const post = { organizationId, clinicId: otherClinicId, clinicRole: "PROVIDER" } as const;
  await employ(journey, owner, colleague, post);
  const other = await found(journey, foreign, "Mountains");
  await openClinic(journey, foreign, other, "Peak");
});

describe("a report", () => {
  it("is made of the clinic's figures, seen in it, and shown to another clinic when it is shared", async () => {
    const callMetric = {
      organizationId,
      clinicId,
      metricKey: "calls_received",
      day: "2026-01-05",
      value: "12",
    };
    await journey.get(provider, COUNT_CALLS, { callMetric });
    const asked = { clinicId, organizationId, day: "2026-01-15" };
    const { createReport } = await journey.get(provider, REPORT, asked);
    const { rowId: id, startsOn, figures } = createReport.result;
    expect(startsOn).toBe("2026-01-01");
    expect(JSON.stringify(figures)).toContain("calls_received");
    expect(JSON.stringify(figures)).toContain("12");
    for (const person of [colleague, foreign]) {
      expect((await journey.get(person, READ, { id })).reportByRowId).toBeNull();
      expect((await journey.ask(person, REPORT, asked)).code).toBe("FORBIDDEN");
      expect((await journey.ask(person, SHARE, { reportId: id, clinicId: otherClinicId })).code).toBe(
        "NOT_FOUND",
      );
    }
    await journey.get(provider, SHARE, { reportId: id, clinicId: otherClinicId });
    expect((await journey.get(colleague, READ, { id })).reportByRowId).toEqual({ startsOn });
    expect((await journey.get(foreign, READ, { id })).reportByRowId).toBeNull();
  });
});

describe("an export", () => {
  it("is asked for, written by the worker, announced by mail, and downloaded by who asked for it alone", async () => {
    await admit(journey, provider, { organizationId, clinicId, mrn: "S-1" });
    await admit(journey, colleague, { organizationId, clinicId: otherClinicId, mrn: "S-2" });
    const { requestExport } = await journey.get(provider, EXPORT, { clinicId });
    const { rowId: id, status } = requestExport.result;
    expect(status).toBe("REQUESTED");
    expect((await journey.ask(provider, LINK, { exportId: id })).code).toBe("NOT_FOUND");
    const mails = await journey.work();
    expect((await journey.get(provider, STATE, { id })).exportRequestByRowId).toEqual({
      status: "READY",
      rowCount: 1,
      downloadCount: 0,
    });
    expect(mails.flatMap(({ to }) => to)).toEqual([provider.email]);
    // The mail says that it is there; it brings nothing of it.
    expect(mails[0]?.content).not.toContain("S-1");
    const { createExportLink } = await journey.get(provider, LINK, { exportId: id });
    const download = await fetch(`${journey.url}${createExportLink.result.path}`);
    const text = await download.text();
    expect([download.status, text.includes("S-1"), text.includes("S-2")]).toEqual([200, true, false]);
    expect((await journey.get(provider, STATE, { id })).exportRequestByRowId.downloadCount).toBe(1);
    for (const person of [colleague, foreign]) {
      expect((await journey.ask(person, LINK, { exportId: id })).code).toBe("NOT_FOUND");
      expect((await journey.get(person, STATE, { id })).exportRequestByRowId).toBeNull();
      expect((await journey.ask(person, EXPORT, { clinicId })).code).toBe("NOT_FOUND");
    }
    const guessed = await fetch(`${journey.url}/exports/${"0".repeat(64)}`);
    await guessed.arrayBuffer();
    expect(guessed.status).toBe(404);
  });
});
