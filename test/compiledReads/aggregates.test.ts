import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it, jest } from "@jest/globals";
import { buildSchema, getNamedType, type GraphQLObjectType, isObjectType } from "graphql";

import { useBothGateways } from "./bothGateways.ts";
import { type Person } from "./bothWays.ts";

jest.setTimeout(600_000);

const both = useBothGateways();
const schema = buildSchema(readFileSync(join(import.meta.dirname, "../../schema.graphql"), "utf8"));
const COMPILED = { difference: null, outcome: { compiled: 1 } };
const ASKING = new Set(["owner", "portal", "another tenant's provider"]);
const provider = () => both.people[0] as Person;

/** Every list with aggregates, but for that which each look makes longer: the list, and each aggregate of each column that there is. */
const lists = Object.values(schema.getQueryType()?.getFields() ?? {}).flatMap((field) => {
  const connection = getNamedType(field.type);
  const aggregates = isObjectType(connection) && getNamedType(connection.getFields().aggregates?.type);
  return isObjectType(aggregates) && !/audit/i.test(field.name)
    ? [{ name: field.name, all: textOf(aggregates) }]
    : [];
});

function textOf(aggregates: GraphQLObjectType): string {
  const kinds = Object.values(aggregates.getFields()).map(({ name, type }) => {
    const kind = getNamedType(type);
    return isObjectType(kind) ? `${name} { ${Object.keys(kind.getFields()).join(" ")} }` : name;
  });
  return `aggregates { ${kinds.join(" ")} }`;
}

const compare = (query: string, variables = {}, person = provider()) =>
  both.compare(person, { query, variables });

describe("what all rows of a list come to", () => {
  it("is the same compiled as planned, in every list, whoever asks", async () => {
    expect(lists.length).toBeGreaterThan(20);
    for (const person of both.people.filter(({ name }) => ASKING.has(name))) {
      for (const { name, all } of lists) {
        const compared = await compare(`{ ${name} { ${all} } }`, {}, person);
        expect({ person: person.name, name, ...compared }).toEqual({
          person: person.name,
          name,
          ...COMPILED,
        });
      }
    }
  });

  it("is the same beside a page of them, which it does not heed", async () => {
    for (const { name, all } of lists) {
      const query = `{ ${name}(first: 1, offset: 1) { totalCount nodes { rowId } ${all} pageInfo { hasNextPage } } }`;
      expect({ name, ...(await compare(query)) }).toEqual({ name, ...COMPILED });
    }
  });

  it("heeds a filter, and leaves out what is archived unless it is asked for", async () => {
    const query = `query ($mrn: String!, $archived: Boolean!) {
      patients(filter: { mrn: { greaterThan: $mrn } }, includeArchived: $archived) {
        total: totalCount
        some: aggregates { keys __typename counts: distinctCount { homeClinicId clinic: homeClinicId } }
        __typename
      }
    }`;
    for (const mrn of ["", "MRN-2", "Z"]) {
      for (const archived of [true, false]) {
        expect(await compare(query, { mrn, archived })).toEqual(COMPILED);
      }
    }
  });

  it("is asked for of each row's own list", async () => {
    const query =
      "{ patients { nodes { mrn appointments { totalCount aggregates { distinctCount { providerId clinicId } } } } } }";
    expect(await compare(query)).toEqual(COMPILED);
  });

  it.each([
    [
      "groups",
      "{ appointments { groupedAggregates(groupBy: [CLINIC_ID]) { keys distinctCount { clinicId } } } }",
    ],
    ["no aggregate of anything", "{ appointments { aggregates { keys __typename } } }"],
  ])("is left to Grafast where it is %s", async (_what, query) => {
    expect(await compare(query)).toEqual({ difference: null, outcome: { unsuitable: 1 } });
  });
});
