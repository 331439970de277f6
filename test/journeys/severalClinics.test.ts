import { beforeAll, describe, expect, it, jest } from "@jest/globals";

import { admit, employ, found, openClinic } from "./clinicSteps.ts";
import { useJourney, type Visitor } from "./useJourney.ts";

jest.setTimeout(120_000);

const journey = useJourney();
const SEEN = "{ clinics { nodes { name } } patients { nodes { mrn } } }";

describe("somebody who works in two organizations", () => {
  let doctor: Visitor;
  let stranger: Visitor;
  const places = new Map<string, { organizationId: string; clinicId: string }>();
  const place = (name: string) => places.get(name)!;
  /** What is seen with these headers: names of clinics and numbers of patients. */
  const seen = async (headers: Record<string, string> = {}, person = doctor) => {
    const { clinics, patients } = await journey.get({ ...person, headers }, SEEN);
    return [
      clinics.nodes.map(({ name }: { name: string }) => name).sort(),
      patients.nodes.map(({ mrn }: { mrn: string }) => mrn).sort(),
    ];
  };

  beforeAll(async () => {
    doctor = await journey.signUp("Doctor");
    stranger = await journey.signUp("Stranger");
    for (const name of ["Alpha", "Beta"]) {
      const owner = await journey.signUp(`Owner${name}`);
      const organizationId = await found(journey, owner, name);
      const clinicId = await openClinic(journey, owner, organizationId, `${name} clinic`);
      await employ(journey, owner, doctor, { organizationId, clinicId, clinicRole: "PROVIDER" });
      places.set(name, { organizationId, clinicId });
      await admit(journey, doctor, { organizationId, clinicId, mrn: `${name}-1` });
    }
  });

  it("sees both without a header, and one at a time with it", async () => {
    expect(await seen()).toEqual([
      ["Alpha clinic", "Beta clinic"],
      ["Alpha-1", "Beta-1"],
    ]);
    for (const name of ["Alpha", "Beta", "Alpha"]) {
      const { organizationId, clinicId } = place(name);
      const expected = [[`${name} clinic`], [`${name}-1`]];
      expect(await seen({ "X-Organization-Id": organizationId })).toEqual(expected);
      expect(await seen({ "X-Organization-Id": organizationId, "X-Clinic-Id": clinicId })).toEqual(expected);
    }
  });

  it("sees nothing by naming a clinic of the one in the other, and is told where a header is none", async () => {
    const headers = {
      "X-Organization-Id": place("Alpha").organizationId,
      "X-Clinic-Id": place("Beta").clinicId,
    };
    expect(await seen(headers)).toEqual([[], []]);
    const wrong = await journey.ask({ ...doctor, headers: { "X-Organization-Id": "alpha" } }, SEEN);
    expect([wrong.status, wrong.code]).toEqual([400, "BAD_REQUEST"]);
  });

  it("changes nothing of the one while the other is active", async () => {
    const headers = { "X-Organization-Id": place("Alpha").organizationId };
    const { patients } = await journey.get(doctor, "{ patients { nodes { id mrn } } }");
    const id = (mrn: string) => patients.nodes.find((one: { mrn: string }) => one.mrn === mrn).id;
    const move =
      'mutation ($id: ID!) { updatePatient(input: { id: $id, patch: { city: "X" } }) { patient { city } } }';
    const own = await journey.get({ ...doctor, headers }, move, { id: id("Alpha-1") });
    expect(own.updatePatient.patient).toEqual({ city: "X" });
    expect((await journey.ask({ ...doctor, headers }, move, { id: id("Beta-1") })).code).toBe("NOT_FOUND");
  });

  it("is somebody whose headers are of no use to anybody else", async () => {
    expect(await seen({ "X-Organization-Id": place("Alpha").organizationId }, stranger)).toEqual([[], []]);
    const nobody = await journey.ask(null, SEEN);
    expect(nobody.status).toBe(401);
  });
});
