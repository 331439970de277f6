import type { ServerWorkload } from "./workload.ts";

const MONTH = { from: "2026-06-01T00:00:00.000Z", to: "2026-07-01T00:00:00.000Z" };

export const dashboard: ServerWorkload = {
  name: "dashboard",
  title: "A dashboard: counts over a month",
  about:
    "How many patients a clinic has, how many appointments in a month, and with how many patients and providers: nothing but aggregates.",
  shape: "clinic",
  leftOut: ["json"],
  operations: {
    dashboard: {
      document: () => `query Dashboard($clinicId: UUID!, $from: Datetime!, $to: Datetime!) {
        patients(filter: { homeClinicId: { equalTo: $clinicId } }) { totalCount }
        appointments(
          filter: { clinicId: { equalTo: $clinicId }, startsAt: { greaterThanOrEqualTo: $from, lessThan: $to } }
        ) {
          totalCount
          aggregates { distinctCount { patientId providerId } }
        }
      }`,
    },
  },
  asks: (people) =>
    people.map((person) => ({
      operation: "dashboard",
      variables: { clinicId: person.clinicId, ...MONTH },
      person,
      expect: "totalCount",
    })),
};
