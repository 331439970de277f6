import { beforeAll, describe, expect, it, jest } from "@jest/globals";

import { admit, CREATE_PATIENT, employ, found, openClinic } from "./clinicSteps.ts";
import { useJourney, type Visitor } from "./useJourney.ts";

jest.setTimeout(120_000);

const journey = useJourney();
const BOOK = `mutation ($clinicId: UUID!, $patientId: UUID!, $startsAt: Datetime!, $endsAt: Datetime!) {
  bookAppointment(input: { clinicId: $clinicId, patientId: $patientId, startsAt: $startsAt, endsAt: $endsAt }) {
    result { rowId status }
  }
}`;
const BEGIN = `mutation ($careSession: CareSessionInput!) {
  createCareSession(input: { careSession: $careSession }) { careSession { rowId } }
}`;
const WRITE = `mutation ($careSessionId: UUID!, $segments: JSON!) {
  writeTranscript(input: { careSessionId: $careSessionId, segments: $segments }) { result { rowId status } }
}`;
const FINISH = `mutation ($transcriptId: UUID!) {
  finalizeTranscript(input: { transcriptId: $transcriptId }) { result { status } }
}`;
const BREAK = `mutation ($mrn: String!, $reason: String!) {
  breakGlass(input: { mrn: $mrn, reason: $reason }) { result { rowId patientId } }
}`;
const PATIENT = "query ($id: UUID!) { patientByRowId(rowId: $id) { mrn } }";
const TRANSCRIPTS = "query ($id: UUID!) { sessionTranscriptByRowId(rowId: $id) { segments } }";
const SEGMENTS = [{ startMs: 0, endMs: 900, speaker: "provider", text: "Good morning" }];
const HOUR = { startsAt: "2031-03-03T10:00:00Z", endsAt: "2031-03-03T11:00:00Z" };

describe("a provider", () => {
  let owner: Visitor;
  let provider: Visitor;
  /** Of another clinic of the same organization. */
  let neighbour: Visitor;
  /** Of another organization. */
  let foreign: Visitor;
  let organizationId = "";
  let clinicId = "";
  let patientId = "";
  let careSessionId = "";
  let transcriptId = "";

  beforeAll(async () => {
    owner = await journey.signUp("Owner");
    provider = await journey.signUp("Provider");
    neighbour = await journey.signUp("Neighbour");
    foreign = await journey.signUp("Foreign");
    organizationId = await found(journey, owner, "Lakeside");
    clinicId = await openClinic(journey, owner, organizationId, "East");
    const west = await openClinic(journey, owner, organizationId, "West");
    await employ(journey, owner, provider, { organizationId, clinicId, clinicRole: "PROVIDER" });
    await employ(journey, owner, neighbour, { organizationId, clinicId: west, clinicRole: "PROVIDER" });
    const other = await found(journey, foreign, "Elsewhere");
    await openClinic(journey, foreign, other, "Far");
  });

  it("admits a patient to the own clinic; others cannot, and do not see the patient", async () => {
    patientId = await admit(journey, provider, { organizationId, clinicId, mrn: "L-1" });
    expect((await journey.get(provider, PATIENT, { id: patientId })).patientByRowId).toEqual({ mrn: "L-1" });
    const name = { givenName: "A", familyName: "B", birthDate: "1980-01-01" };
    const patient = { organizationId, homeClinicId: clinicId, mrn: "L-2", ...name };
    for (const person of [neighbour, foreign]) {
      expect((await journey.get(person, PATIENT, { id: patientId })).patientByRowId).toBeNull();
      expect((await journey.ask(person, CREATE_PATIENT, { patient })).code).toBe("FORBIDDEN");
    }
  });

  it("books an hour once, for the own patient", async () => {
    const booked = await journey.get(provider, BOOK, { clinicId, patientId, ...HOUR });
    expect(booked.bookAppointment.result.status).toBe("BOOKED");
    expect((await journey.ask(provider, BOOK, { clinicId, patientId, ...HOUR })).code).toBe(
      "APPOINTMENT_OVERLAP",
    );
    for (const person of [neighbour, foreign]) {
      const denied = await journey.ask(person, BOOK, { clinicId, patientId, ...HOUR });
      expect(["FORBIDDEN", "NOT_FOUND"]).toContain(denied.code);
      expect((await journey.get(person, "{ appointments { nodes { rowId } } }")).appointments.nodes).toEqual(
        [],
      );
    }
  });

  it("holds a session and writes what was said; neither is anybody else's", async () => {
    const { viewer } = await journey.get(provider, "{ viewer { rowId } }");
    const careSession = {
      organizationId,
      clinicId,
      patientId,
      providerId: viewer.rowId,
      startedAt: "2026-01-05T10:00:00Z",
    };
    const begun = await journey.get(provider, BEGIN, { careSession });
    careSessionId = begun.createCareSession.careSession.rowId;
    const written = await journey.get(provider, WRITE, { careSessionId, segments: SEGMENTS });
    transcriptId = written.writeTranscript.result.rowId;
    expect((await journey.get(provider, TRANSCRIPTS, { id: transcriptId })).sessionTranscriptByRowId).toEqual(
      {
        segments: SEGMENTS,
      },
    );
    for (const person of [neighbour, foreign]) {
      const read = await journey.get(person, TRANSCRIPTS, { id: transcriptId });
      expect(read.sessionTranscriptByRowId).toBeNull();
      const denied = await journey.ask(person, WRITE, { careSessionId, segments: SEGMENTS });
      expect(["FORBIDDEN", "NOT_FOUND"]).toContain(denied.code);
      expect((await journey.ask(person, BEGIN, { careSession })).code).toBe("FORBIDDEN");
    }
  });

  it("finishes the transcript, which then nobody changes any more", async () => {
    for (const person of [neighbour, foreign]) {
      const denied = await journey.ask(person, FINISH, { transcriptId });
      expect(["FORBIDDEN", "NOT_FOUND"]).toContain(denied.code);
    }
    const finished = await journey.get(provider, FINISH, { transcriptId });
    expect(finished.finalizeTranscript.result).toEqual({ status: "FINAL" });
    const read = "query ($id: UUID!) { sessionTranscriptByRowId(rowId: $id) { id } }";
    const { id } = (await journey.get(provider, read, { id: transcriptId })).sessionTranscriptByRowId;
    const change = `mutation ($id: ID!, $segments: JSON!) {
      updateSessionTranscript(input: { id: $id, patch: { segments: $segments } }) { sessionTranscript { id } }
    }`;
    expect((await journey.ask(provider, change, { id, segments: [] })).code).toBe("CONFLICT");
  });

  it("of another clinic opens a record in an emergency, with a reason, on record; a foreign one cannot", async () => {
    const reason = "Unconscious in our emergency room";
    expect((await journey.ask(neighbour, BREAK, { mrn: "L-1", reason: "" })).code).toBe("BAD_USER_INPUT");
    expect((await journey.get(neighbour, PATIENT, { id: patientId })).patientByRowId).toBeNull();
    const headers = { "X-Organization-Id": organizationId };
    const opened = await journey.get({ ...neighbour, headers }, BREAK, { mrn: "L-1", reason });
    expect(opened.breakGlass.result.patientId).toBe(patientId);
    expect((await journey.get(neighbour, PATIENT, { id: patientId })).patientByRowId).toEqual({ mrn: "L-1" });
    expect((await journey.ask(foreign, BREAK, { mrn: "L-1", reason })).code).toBe("NOT_FOUND");
    expect((await journey.get(foreign, PATIENT, { id: patientId })).patientByRowId).toBeNull();
    const GRANTS = "{ breakGlassGrants { nodes { rowId reason } } }";
    expect((await journey.get(owner, GRANTS)).breakGlassGrants.nodes).toEqual([
      { rowId: opened.breakGlass.result.rowId, reason },
    ]);
    expect((await journey.get(foreign, GRANTS)).breakGlassGrants.nodes).toEqual([]);
    // Whoever may review it takes it back.
    const review = `mutation ($grantId: UUID!) {
      reviewBreakGlass(input: { grantId: $grantId, note: "Not needed", revoke: true }) { result { revokedAt } }
    }`;
    const { rowId: grantId } = opened.breakGlass.result;
    expect((await journey.ask(neighbour, review, { grantId })).code).toBe("NOT_FOUND");
    await journey.get(owner, review, { grantId });
    expect((await journey.get(neighbour, PATIENT, { id: patientId })).patientByRowId).toBeNull();
  });
});
