import {
  getNamedType,
  type GraphQLEnumType,
  type GraphQLField,
  type GraphQLSchema,
  isEnumType,
  isObjectType,
} from "graphql";

import { attempt, type Gaps } from "./readRequests.ts";
import { aliasOf, type FuzzRequest, RequestWriter } from "./RequestWriter.ts";
import { fieldsOf, rowTypeOf } from "./selections.ts";

const CHOICES_A_REQUEST = 8;
const ROWS = 3;

/** Requests for every order and every grouping of every list: an order by what one must not read gives it away. */
export function choiceRequests(schema: GraphQLSchema, gaps: Gaps): FuzzRequest[] {
  const query = schema.getQueryType();
  const lists = query ? fieldsOf(query).filter((field) => rowTypeOf(field)) : [];
  const seen = new Set<string>();
  return lists.flatMap((field) => [
    ...attempt(gaps, `Query.${field.name}(orderBy:)`, () => orders(schema, field, seen)),
    ...attempt(gaps, `Query.${field.name}`, () => groupings(schema, field, seen)),
  ]);
}

function orders(schema: GraphQLSchema, field: GraphQLField<unknown, unknown>, seen: Set<string>) {
  const type = getNamedType(field.args.find(({ name }) => name === "orderBy")?.type);
  return choices(schema, field, type, seen, (value) => [
    `(first: ${ROWS}, orderBy: [${value}])`,
    "edges { cursor node { __typename } }",
  ]);
}

function groupings(schema: GraphQLSchema, field: GraphQLField<unknown, unknown>, seen: Set<string>) {
  const connection = getNamedType(field.type);
  const grouped = isObjectType(connection) ? connection.getFields().groupedAggregates : undefined;
  const type = getNamedType(grouped?.args.find(({ name }) => name === "groupBy")?.type);
  return choices(schema, field, type, seen, (value) => [
    "",
    `groupedAggregates(groupBy: [${value}]) { keys }`,
  ]);
}

function choices(
  schema: GraphQLSchema,
  field: GraphQLField<unknown, unknown>,
  type: unknown,
  seen: Set<string>,
  write: (value: string) => readonly [args: string, body: string],
): FuzzRequest[] {
  if (!isEnumType(type) || seen.has(type.name)) {
    return [];
  }
  seen.add(type.name);
  const values = (type as GraphQLEnumType).getValues().map(({ name }) => name);
  const requests: FuzzRequest[] = [];
  for (let index = 0; index < values.length; index += CHOICES_A_REQUEST) {
    const some = values.slice(index, index + CHOICES_A_REQUEST).map((value, number) => {
      const [args, body] = write(value);
      return `${aliasOf(field.name, `by${number}`)}: ${field.name}${args} { ${body} }`;
    });
    const writer = new RequestWriter(schema);
    requests.push(writer.finish(`Query.${field.name} by ${type.name}`, "query", some.join(" ")));
  }
  return requests;
}
