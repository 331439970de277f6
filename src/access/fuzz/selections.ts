import {
  getNamedType,
  type GraphQLField,
  type GraphQLObjectType,
  isEnumType,
  isInterfaceType,
  isLeafType,
  isObjectType,
  isRequiredArgument,
} from "graphql";

import { inputText } from "./inputText.ts";
import { aliasOf, type RequestWriter } from "./RequestWriter.ts";
import type { Step } from "./typePaths.ts";

type Field = GraphQLField<unknown, unknown>;

const PAGE = 5;
const ROW_CONNECTION = /^(\w+)Connection$/;

export const isLeaf = (field: Field) => isLeafType(getNamedType(field.type));
/** A value that is asked for by an argument may be refused because of it, and the row with it: it is asked for by itself. */
export const isAskedFor = (field: Field) => isLeaf(field) && field.args.some(isRequiredArgument);
export const fieldsOf = (type: GraphQLObjectType): Field[] => Object.values(type.getFields());

/** The type of the rows of a connection; undefined for any other type. */
export function rowTypeOf(field: Field): GraphQLObjectType | undefined {
  const connection = getNamedType(field.type);
  if (!isObjectType(connection) || !ROW_CONNECTION.test(connection.name)) {
    return undefined;
  }
  const row = connection.getFields().nodes && getNamedType(connection.getFields().nodes!.type);
  return isObjectType(row) ? row : undefined;
}

/** `(name: value, …)` with the arguments of a field that `include` names; nothing where there is none. */
export function argumentsText(
  writer: RequestWriter,
  field: Field,
  given: Readonly<Record<string, string>> = {},
): string {
  const row = rowTypeOf(field) ?? getNamedType(field.type);
  const subject = isObjectType(row) ? row.name.replace(/(Payload|Edge)$/, "") : null;
  const isPaged = rowTypeOf(field) !== undefined;
  const texts = field.args
    .filter(({ name }) => !isPaged || !(name in PAGING) || name in given)
    .map(({ name, type }) => `${name}: ${given[name] ?? inputText(writer, type, { name, subject })}`);
  return texts.length === 0 ? "" : `(${texts.join(", ")})`;
}

/** Arguments of which one request cannot have all. */
const PAGING: Readonly<Record<string, true>> = {
  after: true,
  before: true,
  filter: true,
  first: true,
  includeArchived: true,
  last: true,
  offset: true,
  orderBy: true,
};

/** The fields of a type that hold values; without those that cannot be asked for, which must not hide the others. */
export function leavesText(writer: RequestWriter, type: GraphQLObjectType): string {
  const leaves = fieldsOf(type).filter((field) => isLeaf(field) && !isAskedFor(field));
  return leaves
    .map((field) => writer.optional(() => `${field.name}${argumentsText(writer, field)}`))
    .filter((text) => text !== "")
    .join(" ");
}

/** A field with the values of what it leads to; of a connection, in each way of paging. */
export function fieldText(writer: RequestWriter, parent: GraphQLObjectType, field: Field): string {
  if (isLeaf(field)) {
    return `${field.name}${argumentsText(writer, field)}`;
  }
  const target = getNamedType(field.type);
  const row = rowTypeOf(field);
  if (row) {
    return connectionText(writer, parent, field, row);
  }
  if (isObjectType(target)) {
    return `${field.name}${argumentsText(writer, field)} { ${valuesText(writer, target)} }`;
  }
  return isInterfaceType(target) ? `${field.name}${argumentsText(writer, field)} { __typename }` : field.name;
}

/** A type without values of its own is asked for its name: that it is there can be news as well. */
function valuesText(writer: RequestWriter, type: GraphQLObjectType): string {
  return leavesText(writer, type) || "__typename";
}

function connectionText(
  writer: RequestWriter,
  parent: GraphQLObjectType,
  field: Field,
  row: GraphQLObjectType,
): string {
  const has = (name: string) => field.args.some((argument) => argument.name === name);
  const given = (choices: Readonly<Record<string, () => string>>) =>
    Object.fromEntries(
      Object.entries(choices)
        .filter(([name]) => has(name))
        .map(([name, text]) => [name, text()]),
    );
  const cursor = () => writer.slot("Cursor", { kind: "cursor", type: `${parent.name}.${field.name}` });
  const orderBy = () => orderText(field);
  const values = valuesText(writer, row);
  const ways = [
    [
      given({ first: () => `${PAGE}`, offset: () => "0", includeArchived: () => "true", orderBy }),
      `totalCount edges { cursor } nodes { ${values} }`,
    ],
    [given({ first: () => `${PAGE}`, after: cursor, orderBy }), `nodes { ${values} }`],
    [
      given({ last: () => `${PAGE}`, before: cursor, orderBy, filter: () => presenceText(field) }),
      "totalCount nodes { __typename }",
    ],
  ] as const;
  return ways
    .map(([args, body], index) => {
      const text = argumentsText(writer, field, args);
      return `${aliasOf(field.name, index)}: ${field.name}${text} { ${body} }`;
    })
    .join(" ");
}

function argument(field: Field, name: string) {
  const found = field.args.find((each) => each.name === name);
  if (!found) {
    throw new Error(`${field.name} has no argument '${name}'.`);
  }
  return found.type;
}

/** The order for which the walk has cursors. */
function orderText(field: Field): string {
  const orders = getNamedType(argument(field, "orderBy"));
  const names = isEnumType(orders) ? orders.getValues().map(({ name }) => name) : [];
  return `[${names.find((name) => name === "PRIMARY_KEY_ASC") ?? names[0]}]`;
}

/** A filter that every row passes. */
function presenceText(field: Field): string {
  const filter = getNamedType(argument(field, "filter"));
  const fields = "getFields" in filter ? Object.values(filter.getFields()) : [];
  const plain = fields.find(({ type }) => {
    const named = getNamedType(type);
    return "getFields" in named && "isNull" in named.getFields();
  });
  return plain ? `{ ${plain.name}: { isNull: false } }` : "{}";
}

/** Puts a selection of a type at the end of the way to it. */
export function alongPath(writer: RequestWriter, path: readonly Step[], body: string): string {
  return [...path].reverse().reduce((inner, { field }) => {
    const row = rowTypeOf(field);
    const args = argumentsText(writer, field, row ? { first: `${PAGE}` } : {});
    return `${field.name}${args} { ${inner} }`;
  }, body);
}
