import { randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, describe, expect, it, jest } from "@jest/globals";
import {
  buildSchema,
  getNamedType,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
} from "graphql";

import { createWorld } from "../../src/access/world/world.ts";
import { useTestDatabase } from "../support/database.ts";
import { useServeProcess } from "../support/useServeProcess.ts";
import { ask } from "./rawRequest.ts";

jest.setTimeout(300_000);

const schema = buildSchema(readFileSync(join(import.meta.dirname, "../../schema.graphql"), "utf8"));
/** What somebody may ask who has no token: to come in, to open what was shared with them, and the API's own shape. */
const OPEN_QUERIES = ["id", "query", "validateShareToken"];
const OPEN_MUTATIONS = [
  "confirmRegistration",
  "logIn",
  "redeemShare",
  "refreshSession",
  "register",
  "verifyEmail",
];
const SCALARS: Readonly<Record<string, () => unknown>> = {
  UUID: randomUUID,
  Int: () => 1,
  BigInt: () => "1",
  BigFloat: () => "1",
  Boolean: () => true,
  Date: () => "2026-01-01",
  Datetime: () => "2026-01-01T00:00:00Z",
  JSON: () => ({}),
};
const db = useTestDatabase();

beforeAll(async () => {
  await createWorld(db.superuser);
});

/** Something of the type, with as much in it as has to be; global ids are of the record that is asked about. */
function valueOf(type: GraphQLInputType, record: string): unknown {
  if (isNonNullType(type)) {
    return valueOf(type.ofType, record);
  }
  if (isListType(type)) {
    return [];
  }
  if (isEnumType(type)) {
    return type.getValues()[0]?.name;
  }
  if (isInputObjectType(type)) {
    const fields = Object.values(type.getFields());
    const required = fields.filter((field) => isNonNullType(field.type));
    // A change of nothing asks nobody.
    const given = required.length > 0 ? required : fields.slice(0, 1);
    return Object.fromEntries(given.map((field) => [field.name, valueOf(field.type, record)]));
  }
  if (type.name === "ID") {
    return Buffer.from(JSON.stringify([record, randomUUID()])).toString("base64");
  }
  return SCALARS[type.name]?.() ?? "x";
}

/** A request for one field of the root, which asks for something of it. */
function requestFor(kind: string, field: GraphQLField<unknown, unknown>) {
  const args = field.args.filter(({ type }) => isNonNullType(type));
  const named = getNamedType(field.type);
  const record =
    kind === "query" ? named.name.replace("Node", "Patient") : field.name.replace(/^(update|delete)/, "");
  const declared = args.map(({ name, type }) => `$${name}: ${String(type)}`).join(", ");
  const given = args.map(({ name }) => `${name}: $${name}`).join(", ");
  const selection =
    isObjectType(named) || isInterfaceType(named) ? selectionOf(named as GraphQLObjectType) : "";
  return {
    query: `${kind} ${declared && `(${declared})`} { ${field.name}${given && `(${given})`} ${selection} }`,
    variables: Object.fromEntries(args.map(({ name, type }) => [name, valueOf(type, record)])),
  };
}

function selectionOf(type: GraphQLObjectType): string {
  const fields = type.getFields();
  if (fields.nodes) {
    return `{ nodes ${selectionOf(getNamedType(fields.nodes.type) as GraphQLObjectType)} }`;
  }
  const name = ["rowId", "id"].find((candidate) => candidate in fields) ?? "__typename";
  return `{ ${name} }`;
}

describe.each(["production", "development"])("nobody, in %s,", (mode) => {
  const server = useServeProcess(db, { NODE_ENV: mode, INTEGRATION_KEY: randomBytes(32).toString("base64") });
  /** Which fields of a root were answered with something else than that one must sign in. */
  async function answered(kind: "query" | "mutation"): Promise<string[]> {
    const root = kind === "query" ? schema.getQueryType() : schema.getMutationType();
    const open: string[] = [];
    for (const field of Object.values(root?.getFields() ?? {})) {
      const { query, variables } = requestFor(kind, field);
      const { status, code, text } = await ask(server.url, query, { variables });
      if (code === "BAD_QUERY") {
        throw new Error(`${query}: ${text}`);
      }
      if (status !== 401 || code !== "UNAUTHENTICATED") {
        open.push(field.name);
      }
    }
    return open.sort();
  }

  it("is asked to sign in by every field of Query but those that are open", async () => {
    expect(await answered("query")).toEqual(OPEN_QUERIES);
  });

  it("is asked to sign in by every mutation but those that are open", async () => {
    expect(await answered("mutation")).toEqual(OPEN_MUTATIONS);
  });
});
