import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { codegen } from "@graphql-codegen/core";
import * as typescript from "@graphql-codegen/typescript";
import * as typescriptOperations from "@graphql-codegen/typescript-operations";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import {
  buildSchema,
  type GraphQLObjectType,
  isInterfaceType,
  isNonNullType,
  isObjectType,
  parse,
} from "graphql";

import { readManifests } from "../../src/documents/readManifests.ts";

const ROOT = join(import.meta.dirname, "../..");
const SDL = readFileSync(join(ROOT, "schema.graphql"), "utf8");
const schema = buildSchema(SDL);
const folder = mkdtempSync(join(tmpdir(), "relay-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A screen as Relay apps write them: a list that reads on, a record by its global id that loads again, a mutation. */
const SCREEN = `import { graphql } from "react-relay";
export const agenda = graphql\`
  query ScreenAgendaQuery($first: Int!, $cursor: Cursor) {
    ...Screen_appointments @arguments(first: $first, cursor: $cursor)
  }
\`;
export const list = graphql\`
  fragment Screen_appointments on Query
  @argumentDefinitions(first: { type: "Int!" }, cursor: { type: "Cursor" })
  @refetchable(queryName: "ScreenAppointmentsPageQuery") {
    appointments(first: $first, after: $cursor) @connection(key: "Screen_appointments") {
      edges { node { id startsAt patient { ...Screen_patient } } }
    }
  }
\`;
export const patient = graphql\`
  fragment Screen_patient on Patient @refetchable(queryName: "ScreenPatientQuery") { id fullName age }
\`;
export const move = graphql\`
  mutation ScreenMoveMutation($input: UpdatePatientInput!, $connections: [ID!]!) {
    updatePatient(input: $input) {
      clientMutationId
      patientEdge @appendEdge(connections: $connections) { node { id city } }
    }
  }
\`;
`;

describe("the Relay compiler", () => {
  const config = {
    src: "./src",
    language: "typescript",
    schema: "./schema.graphql",
    artifactDirectory: "./generated",
    customScalarTypes: { Cursor: "string", UUID: "string", Datetime: "string" },
    persistConfig: { file: "./persisted.json", algorithm: "SHA256" },
  };

  beforeAll(async () => {
    mkdirSync(join(folder, "src"));
    mkdirSync(join(folder, "generated"));
    writeFileSync(join(folder, "src/Screen.ts"), SCREEN);
    writeFileSync(join(folder, "schema.graphql"), SDL);
    writeFileSync(join(folder, "relay.config.json"), JSON.stringify(config));
    writeFileSync(join(folder, "persisted.json"), "{}");
    // The package is the path of its program, and says nothing about its type.
    const binary: string = createRequire(import.meta.url)("relay-compiler");
    await promisify(execFile)(binary, ["./relay.config.json"], { cwd: folder });
  });

  it("accepts the schema: connections, node ids, mutations with edges", () => {
    expect(readdirSync(join(folder, "generated")).sort()).toEqual([
      "ScreenAgendaQuery.graphql.ts",
      "ScreenAppointmentsPageQuery.graphql.ts",
      "ScreenMoveMutation.graphql.ts",
      "ScreenPatientQuery.graphql.ts",
      "Screen_appointments.graphql.ts",
      "Screen_patient.graphql.ts",
    ]);
  });

  it("writes persisted documents that the server takes for a manifest as they are", () => {
    const manifests = join(folder, "manifests");
    mkdirSync(manifests);
    writeFileSync(join(manifests, "web.json"), readFileSync(join(folder, "persisted.json")));
    const documents = readManifests(manifests);
    expect(documents).toHaveLength(4);
    expect(documents.every(({ owner }) => owner === "web")).toBe(true);
  });
});

describe("GraphQL Codegen", () => {
  it("makes types of the schema and of an operation", async () => {
    const output = await codegen({
      filename: "types.ts",
      schema: parse(SDL),
      documents: [
        { location: "a.graphql", document: parse("query A { appointments { nodes { startsAt status } } }") },
      ],
      config: { scalars: { Datetime: "string" } },
      plugins: [{ typescript: {} }, { typescriptOperations: {} }],
      pluginMap: { typescript, typescriptOperations },
    });
    expect(output).toContain("export type AQuery");
    expect(output).toMatch(/startsAt: string/);
  });
});

describe("Relay's rules", () => {
  const types = Object.values(schema.getTypeMap()).filter(isObjectType);
  const fieldType = (type: GraphQLObjectType, field: string) => String(type.getFields()[field]?.type);

  it("hold for nodes: an interface with a global id, and one field that finds any of them", () => {
    const node = schema.getType("Node");
    expect(isInterfaceType(node) && String(node.getFields().id?.type)).toBe("ID!");
    const { args = [], type } = schema.getQueryType()?.getFields().node ?? {};
    expect([String(type), args.map((arg) => `${arg.name}: ${arg.type}`)]).toEqual(["Node", ["id: ID!"]]);
  });

  it("hold for every connection: edges with node and cursor, and a page's info", () => {
    const connections = types.filter(({ name }) => name.endsWith("Connection"));
    expect(connections.length).toBeGreaterThan(20);
    for (const connection of connections) {
      expect(fieldType(connection, "pageInfo")).toBe("PageInfo!");
      const edge = schema.getType(fieldType(connection, "edges").replace(/[[\]!]/g, "")) as GraphQLObjectType;
      expect(edge.name).toMatch(/Edge$/);
      expect(Object.keys(edge.getFields())).toEqual(expect.arrayContaining(["node", "cursor"]));
    }
    const pageInfo = schema.getType("PageInfo") as GraphQLObjectType;
    expect(["hasNextPage", "hasPreviousPage"].map((name) => fieldType(pageInfo, name))).toEqual([
      "Boolean!",
      "Boolean!",
    ]);
  });

  it("hold for every list that has pages: forward and backward arguments", () => {
    for (const field of types.flatMap((type) => Object.values(type.getFields()))) {
      if (String(field.type).endsWith("Connection!") || String(field.type).endsWith("Connection")) {
        const names = field.args.map(({ name }) => name);
        expect(names).toEqual(expect.arrayContaining(["first", "after"]));
      }
    }
  });

  it("hold for every mutation: one input, which is required, and the client's own id in both directions", () => {
    for (const { name, args, type } of Object.values(schema.getMutationType()?.getFields() ?? {})) {
      expect([name, args.map((arg) => arg.name), isNonNullType(args[0]?.type)]).toEqual([
        name,
        ["input"],
        true,
      ]);
      const payload = schema.getType(String(type).replace("!", "")) as GraphQLObjectType;
      expect(Object.keys(payload.getFields())).toContain("clientMutationId");
    }
  });
});
