import {
  getNamedType,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  isObjectType,
} from "graphql";

import { type FuzzRequest, RequestWriter } from "./RequestWriter.ts";
import { alongPath, fieldsOf, fieldText, isAskedFor, isLeaf, leavesText, rowTypeOf } from "./selections.ts";
import { typePaths } from "./typePaths.ts";

type Field = GraphQLField<unknown, unknown>;

/** So that one request stays one screen, and Postgres plans it in no time. */
const FIELDS_A_REQUEST = 3;

/** What a walk could not write, by the item that stays uncovered. */
export type Gaps = Map<string, string>;

/** Requests that read every field of every type that a query leads to. */
export function readRequests(schema: GraphQLSchema, gaps: Gaps): FuzzRequest[] {
  const query = schema.getQueryType();
  if (!query) {
    return [];
  }
  const root = fieldsOf(query).flatMap((field) =>
    attempt(gaps, `Query.${field.name}`, () => rootRequests(schema, query, field)),
  );
  const paths = typePaths(schema);
  const inner = [...paths].flatMap(([name, path]) => {
    const type = schema.getType(name);
    return path.length > 0 && isObjectType(type) ? typeRequests(schema, type, path, gaps) : [];
  });
  return [...root, ...inner];
}

/** Keeps the reason why a request could not be written, instead of ending the walk. */
export function attempt<T>(gaps: Gaps, item: string, write: () => T[]): T[] {
  try {
    return write();
  } catch (error) {
    gaps.set(item, error instanceof Error ? error.message : String(error));
    return [];
  }
}

/** A field of the query type: what leads to one row by an id must not tell a foreign id from none. */
function rootRequests(schema: GraphQLSchema, query: GraphQLObjectType, field: Field): FuzzRequest[] {
  const title = `Query.${field.name}`;
  if (getNamedType(field.type).name === "Node") {
    const nodes = schema.getPossibleTypes(schema.getType("Node") as never).filter((type) => type !== query);
    return nodes.map((type) => {
      const writer = new RequestWriter(schema);
      const id = writer.slot("ID!", { kind: "nodeId", type: type.name });
      const body = `node(id: ${id}) { __typename id ... on ${type.name} { ${leavesText(writer, type)} } }`;
      return writer.finish(`${title} of ${type.name}`, "query", body, { isComparable: true });
    });
  }
  const writer = new RequestWriter(schema);
  const body = fieldText(writer, query, field);
  return [writer.finish(title, "query", body, { isComparable: rowTypeOf(field) === undefined })];
}

function typeRequests(
  schema: GraphQLSchema,
  type: GraphQLObjectType,
  path: Parameters<typeof alongPath>[1],
  gaps: Gaps,
): FuzzRequest[] {
  const fields = fieldsOf(type);
  const leaves = fields.filter((field) => isLeaf(field) && !isAskedFor(field));
  const others = fields.filter((field) => !isLeaf(field));
  const chunks = leaves.length > 0 ? [leaves] : [];
  chunks.push(...fields.filter(isAskedFor).map((field) => [field]));
  for (let index = 0; index < others.length; index += FIELDS_A_REQUEST) {
    chunks.push(others.slice(index, index + FIELDS_A_REQUEST));
  }
  return chunks.flatMap((chunk) => {
    const write = (some: Field[], title: string) => {
      const writer = new RequestWriter(schema);
      const body = some.map((field) => fieldText(writer, type, field)).join(" ");
      return writer.finish(title, "query", alongPath(writer, path, body));
    };
    const names = chunk.map(({ name }) => name).join(", ");
    try {
      return [write(chunk, `${type.name}.${chunk.length === 1 ? names : `{${names}}`}`)];
    } catch {
      // One by one: what cannot be asked for must not hide its neighbours.
      return chunk.flatMap((field) => {
        const item = `${type.name}.${field.name}`;
        return attempt(gaps, item, () => [write([field], item)]);
      });
    }
  });
}
