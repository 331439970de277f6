import { PATIENT_FIELDS, rowId } from "./fields.ts";
import type { ServerWorkload } from "./workload.ts";

/** Newest first. In the gateway that is by organization and id, which an index has; the others say so themselves. */
const NEWEST: Readonly<Record<string, string>> = {
  postgraphile5: "[PRIMARY_KEY_DESC]",
  postgraphile4: "[ORGANIZATION_ID_DESC, PRIMARY_KEY_DESC]",
  graphql: "[PRIMARY_KEY_DESC]",
};

const appointments = (dialect: string) =>
  dialect === "postgraphile4" ? "appointments: appointmentsByOrganizationIdAndPatientId" : "appointments";

export const list: ServerWorkload = {
  name: "list",
  title: "A list: 50 patients, each with clinic and five appointments",
  about: "The newest 50 patients of a provider, each with the clinic it belongs to and its five newest appointments; about 46 KB.",
  shape: "clinic",
  operations: {
    list: {
      document: (dialect) => `query List {
        patients(first: 50, orderBy: ${NEWEST[dialect] ?? ""}) {
          nodes {
            ${rowId(dialect)} ${PATIENT_FIELDS}
            ${dialect === "postgraphile4" ? "homeClinic: clinicByOrganizationIdAndHomeClinicId" : "homeClinic"} { ${rowId(dialect)} name timezone }
            ${appointments(dialect)}(first: 5, orderBy: [STARTS_AT_DESC]) {
              nodes { ${rowId(dialect)} startsAt endsAt status kind reason }
            }
          }
        }
      }`,
    },
  },
  asks: (people) =>
    people.map((person) => ({
      operation: "list",
      variables: {},
      person,
      expect: person.clinicId,
    })),
};
