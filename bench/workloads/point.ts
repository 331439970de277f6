import type { BenchPerson } from "../data/people.ts";
import { PATIENT_FIELDS, rowId } from "./fields.ts";
import type { Ask, Operation, ServerWorkload } from "./workload.ts";

export const pointOperation: Operation = {
  document: (dialect) =>
    dialect === "postgraphile4"
      ? `query Point($rowId: UUID!) { patient(id: $rowId) { ${rowId(dialect)} ${PATIENT_FIELDS} } }`
      : `query Point($rowId: UUID!) { patient: patientByRowId(rowId: $rowId) { ${rowId(dialect)} ${PATIENT_FIELDS} } }`,
};

export const askForPatients = (people: readonly BenchPerson[], each = Infinity): Ask[] =>
  people.flatMap((person) =>
    person.patientIds.slice(0, each).map((id) => ({
      operation: "point",
      variables: { rowId: id },
      person,
      expect: id,
    })),
  );

export const point: ServerWorkload = {
  name: "point",
  title: "A point: one patient by id",
  about:
    "One row by its primary key, of a hundred providers in turn, each of whom asks for their own patients.",
  shape: "clinic",
  operations: { point: pointOperation },
  asks: (people) => askForPatients(people),
};
