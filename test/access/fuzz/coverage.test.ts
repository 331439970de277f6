import { describe, expect, it } from "@jest/globals";
import { buildSchema } from "graphql";

import { itemsOfRequest, schemaItems } from "../../../src/access/fuzz/coverage.ts";
import { fuzzRequests } from "../../../src/access/fuzz/fuzzRequests.ts";
import { RequestWriter } from "../../../src/access/fuzz/RequestWriter.ts";

const SCHEMA = `
  scalar UUID
  scalar Colour
  scalar Cursor
  type Query {
    patient(rowId: UUID!): Patient
    patients(first: Int, after: Cursor, orderBy: [PatientOrderBy!], filter: PatientFilter): PatientConnection
  }
  type Patient { rowId: UUID! name: String }
  type PatientConnection { totalCount: Int nodes: [Patient]! edges: [PatientEdge]! }
  type PatientEdge { cursor: Cursor node: Patient }
  enum PatientOrderBy { NATURAL NAME_ASC }
  input PatientFilter { name: StringFilter and: [PatientFilter!] }
  input StringFilter { isNull: Boolean equalTo: String }
  type Mutation { rename(input: RenameInput!): RenamePayload }
  input RenameInput { rowId: UUID! name: String }
  type RenamePayload { patient: Patient }
`;

function uncovered(sdl: string): string[] {
  const schema = buildSchema(sdl);
  const { reads, choices, filters, changes } = fuzzRequests(schema);
  const named = new Set(
    [...reads, ...choices, ...filters, ...changes].flatMap((request) => itemsOfRequest(schema, request)),
  );
  return schemaItems(schema).filter((item) => !named.has(item));
}

describe("the walk", () => {
  it("names every field, argument, input and order of a schema that it has not seen before", () => {
    expect(schemaItems(buildSchema(SCHEMA))).toEqual(
      expect.arrayContaining(["Query.patients(filter:)", "RenameInput.name", "PatientOrderBy.NAME_ASC"]),
    );
    expect(uncovered(SCHEMA)).toEqual([]);
  });

  it("can be of one field, and cannot be of what the schema has not", () => {
    const schema = buildSchema(SCHEMA);
    expect(fuzzRequests(schema, /^Patient\.name$/).reads.length).toBeGreaterThan(0);
    expect(fuzzRequests(schema, /^RenameInput/).changes.length).toBeGreaterThan(0);
    expect(fuzzRequests(schema, /^RenameInput/).reads).toEqual([]);
    expect(() => fuzzRequests(schema, /^Pateint\./)).toThrow(
      "Nothing in the API is named like /^Pateint\\./",
    );
  });

  it("leaves uncovered what it has no value for, and nothing beside it", () => {
    const grown = SCHEMA.replace(
      "name: String }\n  type PatientC",
      "name: String tone(of: Colour!): Int }\n  type PatientC",
    );
    expect(uncovered(grown)).toEqual(["Patient.tone", "Patient.tone(of:)"]);
  });

  it("leaves uncovered a mutation that it cannot send", () => {
    const grown = SCHEMA.replace(
      "rowId: UUID! name: String }\n  type Rename",
      "rowId: UUID! tone: Colour! }\n  type Rename",
    );
    expect(uncovered(grown)).toEqual(
      expect.arrayContaining(["Mutation.rename", "RenameInput.tone", "RenamePayload.patient"]),
    );
  });

  it("counts what the text of a request names, whatever it was written for", () => {
    const schema = buildSchema(SCHEMA);
    const request = new RequestWriter(schema).finish("Query.patient", "query", "patients { nodes { name } }");
    expect(itemsOfRequest(schema, request).sort()).toEqual([
      "Patient.name",
      "PatientConnection.nodes",
      "Query.patients",
    ]);
  });

  it("cannot send a request that is not valid", () => {
    const writer = new RequestWriter(buildSchema(SCHEMA));
    expect(() => writer.finish("Query.patient", "query", "patient { name }")).toThrow(
      /cannot ask for Query.patient/,
    );
  });
});
