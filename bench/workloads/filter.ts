import { BENCH_DAY } from "../data/shapes.ts";
import { rowId } from "./fields.ts";
import type { ServerWorkload } from "./workload.ts";

const WEEK = 7 * 24 * 60 * 60 * 1000;
const WEEKS = 4;

const dayAfter = (weeks: number) => new Date(Date.parse(BENCH_DAY) + weeks * WEEK).toISOString();

export const filter: ServerWorkload = {
  name: "filter",
  title: "Filter and order: a week of booked appointments",
  about: "Up to 50 booked appointments of a clinic in one week, in their order, each with its patient.",
  shape: "clinic",
  leftOut: ["json"],
  operations: {
    filter: {
      document: (dialect) => `query Week($clinicId: UUID!, $from: Datetime!, $to: Datetime!) {
        appointments(
          first: 50, orderBy: [STARTS_AT_ASC]
          filter: {
            clinicId: { equalTo: $clinicId }, status: { equalTo: BOOKED }
            startsAt: { greaterThanOrEqualTo: $from, lessThan: $to }
          }
        ) {
          nodes {
            ${rowId(dialect)} startsAt endsAt status
            ${dialect === "postgraphile4" ? "patient: organizationPatient" : "patient"} { ${rowId(dialect)} givenName familyName }
          }
        }
      }`,
    },
  },
  asks: (people) =>
    people.flatMap((person) =>
      Array.from({ length: WEEKS }, (_, week) => ({
        operation: "filter",
        variables: { clinicId: person.clinicId, from: dayAfter(week), to: dayAfter(week + 1) },
        person,
        expect: "nodes",
      })),
    ),
};
