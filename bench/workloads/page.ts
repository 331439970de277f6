import type { BenchPerson } from "../data/people.ts";
import { PATIENT_FIELDS, rowId } from "./fields.ts";
import type { ServerWorkload, Target, Variables } from "./workload.ts";

const BY_NAME = "orderBy: [FAMILY_NAME_ASC, GIVEN_NAME_ASC, PRIMARY_KEY_ASC]";
/** How far into the list. */
const DEPTH = 0.6;

export const page: ServerWorkload = {
  name: "page",
  title: "A deep page: 20 patients after a cursor",
  about:
    "Patients by name: the 20 that come after a cursor in the middle of the list. Each server is given cursors of its own; the hand-written ones name the organization as well, which the index is led by.",
  shape: "clinic",
  leftOut: ["json"],
  operations: {
    rowAt: {
      document: (dialect) => `query RowAt($offset: Int!) {
        patients(first: 1, offset: $offset, ${BY_NAME}) { nodes { ${rowId(dialect)} } pageInfo { endCursor } }
      }`,
    },
    page: {
      document: (dialect) => `query Page($after: Cursor!) {
        patients(first: 20, after: $after, ${BY_NAME}) { nodes { ${rowId(dialect)} ${PATIENT_FIELDS} } }
      }`,
    },
  },
  asks: (people, target) =>
    Promise.all(
      people.map(async (person) => ({
        operation: "page",
        variables: await beginning(person, target),
        person,
        expect: "mrn",
      })),
    ),
};

async function beginning(person: BenchPerson, target: Target): Promise<Variables> {
  const offset = Math.floor(person.patients * DEPTH);
  const data = await target.send({ operation: "rowAt", variables: { offset }, person });
  if (target.dialect === "plain") {
    return data;
  }
  const { patients } = data as { patients: { pageInfo: { endCursor: string } } };
  return { after: patients.pageInfo.endCursor };
}
