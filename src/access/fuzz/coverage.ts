import {
  getNamedType,
  type GraphQLNamedType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isIntrospectionType,
  isObjectType,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from "graphql";

import type { FuzzRequest } from "./RequestWriter.ts";

/** The values of these enums are things to ask for, like fields. */
const CHOICES = /(OrderBy|GroupBy)$/;

/**
 * Everything of a schema that a request can name: `Type.field`, `Type.field(argument:)`, `Input.field` and `Order.VALUE`.
 */
export function schemaItems(schema: GraphQLSchema): string[] {
  return Object.values(schema.getTypeMap())
    .filter((type) => !isIntrospectionType(type))
    .flatMap(itemsOfType);
}

function itemsOfType(type: GraphQLNamedType): string[] {
  if (isObjectType(type)) {
    return Object.values(type.getFields()).flatMap(({ name, args }) => [
      `${type.name}.${name}`,
      ...args.map((argument) => `${type.name}.${name}(${argument.name}:)`),
    ]);
  }
  if (isInputObjectType(type)) {
    return Object.keys(type.getFields()).map((name) => `${type.name}.${name}`);
  }
  if (isEnumType(type) && CHOICES.test(type.name)) {
    return type.getValues().map(({ name }) => `${type.name}.${name}`);
  }
  return [];
}

/** Of these, the fields of objects: what can hold an answer. */
export function fieldItems(schema: GraphQLSchema): string[] {
  return Object.values(schema.getTypeMap())
    .filter((type) => isObjectType(type) && !isIntrospectionType(type))
    .flatMap(itemsOfType)
    .filter((item) => !item.endsWith(":)"));
}

/** The items that a request names, read from its text; what its author meant to ask does not count. */
export function itemsOfRequest(schema: GraphQLSchema, { document }: FuzzRequest): string[] {
  const items = new Set<string>();
  const types = new TypeInfo(schema);
  const fieldName = () => `${types.getParentType()?.name}.${types.getFieldDef()?.name}`;
  visit(
    document,
    visitWithTypeInfo(types, {
      Field({ name }) {
        if (!name.value.startsWith("__")) {
          items.add(fieldName());
        }
      },
      Argument: ({ name }) => void items.add(`${fieldName()}(${name.value}:)`),
      ObjectField({ name }) {
        items.add(`${getNamedType(types.getParentInputType())?.name}.${name.value}`);
      },
      EnumValue({ value }) {
        items.add(`${getNamedType(types.getInputType())?.name}.${value}`);
      },
    }),
  );
  return [...items];
}
