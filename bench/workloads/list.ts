import type { BenchPerson } from "../data/people.ts";
import { PATIENT_FIELDS, rowId } from "./fields.ts";
import type { Ask, Operation, ServerWorkload } from "./workload.ts";

/** Newest first, by the index that is led by the organization. The gateway would add that by itself. */
const NEWEST = "[ORGANIZATION_ID_DESC, PRIMARY_KEY_DESC]";

const homeClinic = (dialect: string) =>
  dialect === "postgraphile4" ? "homeClinic: organizationHomeClinic" : "homeClinic";
const appointments = (dialect: string) =>
  dialect === "postgraphile4" ? "appointments: appointmentsByOrganizationIdAndPatientId" : "appointments";

export const listOperation: Operation = {
  document: (dialect) => `query List {
    patients(first: 50, orderBy: ${NEWEST}) {
      nodes {
        ${rowId(dialect)} ${PATIENT_FIELDS}
        ${homeClinic(dialect)} { ${rowId(dialect)} name timezone }
        ${appointments(dialect)}(first: 5, orderBy: [STARTS_AT_DESC, PRIMARY_KEY_DESC]) {
          nodes { ${rowId(dialect)} startsAt endsAt status kind reason }
        }
      }
    }
  }`,
};

export const askForList = (person: BenchPerson): Ask => ({
  operation: "list",
  variables: {},
  person,
  expect: person.clinicId,
});

export const list: ServerWorkload = {
  name: "list",
  title: "A list: 50 patients, each with clinic and five appointments",
  about:
    "The newest 50 patients of a provider, each with the clinic it belongs to and its five newest appointments; about 46 KB.",
  shape: "clinic",
  operations: { list: listOperation },
  asks: (people) => people.map(askForList),
};
