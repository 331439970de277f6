import {
  getNamedType,
  type GraphQLEnumType,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  isEnumType,
  isObjectType,
} from "graphql";

import { inputText } from "./inputText.ts";
import { attempt, type Gaps } from "./readRequests.ts";
import { type FuzzRequest, type Operation, RequestWriter } from "./RequestWriter.ts";
import { fieldsOf, fieldText, isLeaf, leavesText } from "./selections.ts";
import { typePaths } from "./typePaths.ts";

type Field = GraphQLField<unknown, unknown>;

export interface ChangingRequest extends FuzzRequest {
  /** Whether its input says only what it has to. */
  requiredOnly: boolean;
}

/** A request for every mutation, once with every input there is and once with what it needs. */
export function mutationRequests(schema: GraphQLSchema, gaps: Gaps): ChangingRequest[] {
  return fieldsOfRoot(schema.getMutationType()).flatMap((field) =>
    attempt(gaps, `Mutation.${field.name}`, () =>
      [false, true].map((requiredOnly) => ({
        ...changing(schema, "mutation", field, requiredOnly),
        requiredOnly,
      })),
    ),
  );
}

/** A request for every subscription. */
export function subscriptionRequests(schema: GraphQLSchema, gaps: Gaps): FuzzRequest[] {
  return fieldsOfRoot(schema.getSubscriptionType()).flatMap((field) =>
    attempt(gaps, `Subscription.${field.name}`, () => [changing(schema, "subscription", field, false)]),
  );
}

const namesOf = (type: GraphQLEnumType) => type.getValues().map(({ name }) => name);
const fieldsOfRoot = (type: GraphQLObjectType | null | undefined) => (type ? fieldsOf(type) : []);

function changing(
  schema: GraphQLSchema,
  operation: Operation,
  field: Field,
  requiredOnly: boolean,
): FuzzRequest {
  const writer = new RequestWriter(schema);
  const payload = getNamedType(field.type);
  const subject = isObjectType(payload) ? subjectOf(payload) : null;
  const args = field.args.map(
    ({ name, type }) => `${name}: ${inputText(writer, type, { name, subject, requiredOnly })}`,
  );
  const selection = isObjectType(payload) ? `{ ${deepText(writer, schema, payload, new Set())} }` : "";
  const body = `${field.name}${args.length > 0 ? `(${args.join(", ")})` : ""} ${selection}`;
  const root = operation === "mutation" ? "Mutation" : "Subscription";
  return writer.finish(`${root}.${field.name}`, operation, body);
}

/** What a mutation is about: the row that it answers with. */
function subjectOf(payload: GraphQLObjectType): string | null {
  const row = fieldsOf(payload)
    .map(({ type }) => getNamedType(type))
    .find((type) => isObjectType(type) && type.name !== "Query" && "id" in type.getFields());
  return row?.name ?? null;
}

/** Everything of a type that only changes answer with; of what queries lead to as well, its values. */
function deepText(
  writer: RequestWriter,
  schema: GraphQLSchema,
  type: GraphQLObjectType,
  above: Set<string>,
): string {
  const readable = typePaths(schema);
  const inside = new Set([...above, type.name]);
  const texts = fieldsOf(type).map((field) => {
    const target = getNamedType(field.type);
    if (isLeaf(field) || !isObjectType(target) || inside.has(target.name)) {
      return isLeaf(field) ? fieldText(writer, type, field) : "";
    }
    const orders = getNamedType(field.args.find(({ name }) => name === "orderBy")?.type);
    const orderBy = isEnumType(orders) ? `(orderBy: [${namesOf(orders).join(", ")}])` : "";
    if (target === schema.getQueryType()) {
      return `${field.name} { id }`;
    }
    const body = readable.has(target.name)
      ? edgeText(writer, target)
      : deepText(writer, schema, target, inside);
    return `${field.name}${orderBy} { ${body} }`;
  });
  return texts.join(" ") || "__typename";
}

function edgeText(writer: RequestWriter, type: GraphQLObjectType): string {
  const node = type.getFields().node;
  return node ? `cursor node { __typename }` : leavesText(writer, type);
}
