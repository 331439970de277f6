import { rowId } from "./fields.ts";
import { askForPatients, pointOperation } from "./point.ts";
import type { Ask, Operation, ServerWorkload } from "./workload.ts";

/** PostGraphile 5 and the gateway take the global id of a row. */
const globalId = (id: unknown) => btoa(JSON.stringify(["Patient", id]));

const updateOperation: Operation = {
  document: (dialect) => {
    const [key, type] = {
      postgraphile5: ["id", "ID"],
      postgraphile4: ["id", "UUID"],
      graphql: ["rowId", "UUID"],
    }[dialect];
    return `mutation Update($key: ${type}!, $region: String!) {
      updatePatient(input: { ${key}: $key, patch: { region: $region } }) { patient { ${rowId(dialect)} region } }
    }`;
  },
  variables: (dialect, { rowId: id, region }) => ({
    key: dialect === "postgraphile5" ? globalId(id) : id,
    region,
  }),
};

/** The load writes another text in its place each time, so that every update changes something. */
const toUpdate = (ask: Ask): Ask => ({
  ...ask,
  operation: "update",
  variables: { ...ask.variables, region: "[<id>]" },
});

const UNAUDITED =
  "The gateway writes into tables with their audit, the others into a copy of them without its triggers.";

export const mutation: ServerWorkload = {
  name: "mutation",
  title: "A mutation: one column of one patient",
  about: `One patient gets another region. ${UNAUDITED} Commits wait for the disk.`,
  shape: "clinic",
  isWriting: true,
  leftOut: ["json"],
  operations: { update: updateOperation },
  asks: (people) => askForPatients(people).map(toUpdate),
};

const ONE_OF = 10;

export const mixed: ServerWorkload = {
  name: "mixed",
  title: "Mixed: nine points, one mutation",
  about: `Nine reads of one patient, and one change. ${UNAUDITED}`,
  shape: "clinic",
  isWriting: true,
  leftOut: ["json"],
  operations: { point: pointOperation, update: updateOperation },
  asks: (people) =>
    askForPatients(people).map((ask, index) => (index % ONE_OF === ONE_OF - 1 ? toUpdate(ask) : ask)),
};
