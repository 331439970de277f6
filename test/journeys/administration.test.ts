import { beforeAll, describe, expect, it, jest } from "@jest/globals";

import { employ, found, openClinic } from "./clinicSteps.ts";
import { useJourney, type Visitor } from "./useJourney.ts";

jest.setTimeout(120_000);

const journey = useJourney();
const DAY = new Date().toISOString().slice(0, 10);
const YEAR = DAY.slice(0, 4);
const MEMBERS = `query ($clinicId: UUID!) {
  clinicMemberships(filter: { clinicId: { equalTo: $clinicId } }) { nodes { id userId role active } }
}`;
const CHANGE_MEMBER = `mutation ($id: ID!, $patch: ClinicMembershipPatch!) {
  updateClinicMembership(input: { id: $id, patch: $patch }) { clinicMembership { role active } }
}`;
const CHANGE_CLINIC = `mutation ($id: ID!, $patch: ClinicPatch!) {
  updateClinic(input: { id: $id, patch: $patch }) { clinic { name timezone openingHours } }
}`;
const COUNT_CALLS = `mutation ($callMetric: CallMetricInput!) {
  createCallMetric(input: { callMetric: $callMetric }) { callMetric { value } }
}`;
const SET_GOAL = `mutation ($goal: GoalInput!) { createGoal(input: { goal: $goal }) { goal { rowId } } }`;
const CLINIC = "query ($id: UUID!) { clinicByRowId(rowId: $id) { id viewerCanAdminister } }";

describe("a clinic administrator", () => {
  let owner: Visitor;
  let admin: Visitor;
  let staff: Visitor;
  /** Administrator of a clinic of somebody else. */
  let foreign: Visitor;
  let organizationId = "";
  let clinicId = "";
  let elsewhere = "";

  beforeAll(async () => {
    owner = await journey.signUp("Owner");
    admin = await journey.signUp("Admin");
    staff = await journey.signUp("Staff");
    foreign = await journey.signUp("Foreign");
    organizationId = await found(journey, owner, "Riverside");
    clinicId = await openClinic(journey, owner, organizationId, "North");
    elsewhere = await openClinic(journey, owner, organizationId, "South");
    await employ(journey, owner, admin, { organizationId, clinicId, clinicRole: "CLINIC_ADMIN" });
    await employ(journey, owner, staff, { organizationId, clinicId, clinicRole: "STAFF" });
    const other = await found(journey, foreign, "Hillside");
    await openClinic(journey, foreign, other, "Top");
  });

  it("administers the own clinic and no other", async () => {
    const administers = async (person: Visitor, id: string) =>
      (await journey.get(person, CLINIC, { id })).clinicByRowId?.viewerCanAdminister ?? null;
    expect(await administers(admin, clinicId)).toBe(true);
    expect(await administers(admin, elsewhere)).not.toBe(true);
    expect(await administers(staff, clinicId)).toBe(false);
    expect(await administers(foreign, clinicId)).toBeNull();
  });

  it("changes the clinic's settings; its staff and other clinics' administrators cannot", async () => {
    const { clinicByRowId } = await journey.get(owner, CLINIC, { id: clinicId });
    const { id } = clinicByRowId;
    const patch = { timezone: "America/Toronto", openingHours: { 1: ["09:00", "17:00"] } };
    expect((await journey.get(admin, CHANGE_CLINIC, { id, patch })).updateClinic.clinic).toMatchObject(patch);
    for (const person of [staff, foreign]) {
      const denied = await journey.ask(person, CHANGE_CLINIC, { id, patch: { name: "Stolen" } });
      expect(["FORBIDDEN", "NOT_FOUND"]).toContain(denied.code);
    }
    expect((await journey.ask(null, CHANGE_CLINIC, { id, patch })).status).toBe(401);
    const south = (await journey.get(owner, CLINIC, { id: elsewhere })).clinicByRowId;
    expect((await journey.ask(admin, CHANGE_CLINIC, { id: south.id, patch })).code).toBe("NOT_FOUND");
  });

  it("makes a member somebody else, or nobody, at once; a member cannot make itself more", async () => {
    const members = (await journey.get(admin, MEMBERS, { clinicId })).clinicMemberships.nodes;
    expect(members).toHaveLength(2);
    const own = (await journey.get(staff, "{ viewer { rowId } }")).viewer.rowId;
    const { id } = members.find(({ userId }: { userId: string }) => userId === own);
    const more = await journey.ask(staff, CHANGE_MEMBER, { id, patch: { role: "CLINIC_ADMIN" } });
    expect(["FORBIDDEN", "NOT_FOUND"]).toContain(more.code);
    const made = await journey.get(admin, CHANGE_MEMBER, { id, patch: { role: "VIEWER" } });
    expect(made.updateClinicMembership.clinicMembership).toEqual({ role: "VIEWER", active: true });
    await journey.get(admin, CHANGE_MEMBER, { id, patch: { active: false } });
    expect((await journey.get(staff, "{ myClinics { nodes { rowId } } }")).myClinics.nodes).toEqual([]);
    await journey.get(admin, CHANGE_MEMBER, { id, patch: { role: "STAFF", active: true } });
    expect((await journey.get(foreign, MEMBERS, { clinicId })).clinicMemberships.nodes).toEqual([]);
  });

  it("counts what happened, sets a goal, and sees how far it is; the goal is no stranger's", async () => {
    const callMetric = { organizationId, clinicId, metricKey: "calls_received", day: DAY, value: "7" };
    await journey.get(admin, COUNT_CALLS, { callMetric });
    const goal = {
      organizationId,
      clinicId,
      area: "CALL",
      metricKey: "calls_received",
      name: "Calls",
      startsOn: `${YEAR}-01-01`,
      endsOn: `${YEAR}-12-31`,
      target: "5",
    };
    const made = await journey.get(admin, SET_GOAL, { goal });
    const id = made.createGoal.goal.rowId;
    const progress = "query ($id: UUID!) { goalByRowId(rowId: $id) { name goalProgress { sum isMet } } }";
    expect((await journey.get(admin, progress, { id })).goalByRowId).toEqual({
      name: "Calls",
      goalProgress: { sum: "7.00", isMet: true },
    });
    const total = `query ($clinicId: UUID!) {
      metricAggregations(filter: { clinicId: { equalTo: $clinicId }, period: { equalTo: DAY } }) { nodes { sum } }
    }`;
    expect((await journey.get(admin, total, { clinicId })).metricAggregations.nodes).toEqual([
      { sum: "7.00" },
    ]);
    expect((await journey.get(foreign, total, { clinicId })).metricAggregations.nodes).toEqual([]);
    expect((await journey.get(foreign, progress, { id })).goalByRowId).toBeNull();
    expect((await journey.ask(foreign, SET_GOAL, { goal })).code).toBe("FORBIDDEN");
    expect((await journey.ask(foreign, COUNT_CALLS, { callMetric })).code).toBe("FORBIDDEN");
  });
});
