import "graphile-build-pg";

import {
  type GraphQLNamedType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
} from "graphql";

import { isFunction } from "./EndedSessionPlugin.ts";

/** Descriptions by type name, then by the name of a field, an argument or an enum's value. */
type Descriptions = Map<string, Map<string, string>>;

/** Fields and arguments that mean the same wherever they are generated. */
const BY_NAME: Readonly<Record<string, string>> = {
  keys: "The values by which the rows of this group are alike, in the order of `groupBy`; null without groups.",
  result: "What the function returned.",
  rowId: "The uuid of the record.",
  NATURAL: "In no particular order.",
};

/**
 * Comments of Postgres reach tables, columns, functions and types, but neither the arguments of a function nor the values
 * of an enum. Two tags in the comment of the function or type describe those: `@argument email The address to sign in
 * with.` and `@value booked It is planned.` What is still without a word at the end gets one by its name.
 */
export const GeneratedDescriptionsPlugin: GraphileConfig.Plugin = {
  name: "GeneratedDescriptionsPlugin",
  description: "Describes arguments, enum values and other generated parts of the API",
  version: "1.0.0",
  schema: {
    hooks: {
      finalize(schema, build) {
        const descriptions = collectDescriptions(build);
        for (const type of Object.values(schema.getTypeMap())) {
          if (!type.name.startsWith("__")) {
            describeType(schema, type, descriptions);
          }
        }
        return schema;
      },
    },
  },
};

function collectDescriptions(build: GraphileBuild.Build): Descriptions {
  const descriptions: Descriptions = new Map();
  for (const codec of Object.values(build.pgCodecs)) {
    const typeName = codec.arrayOfCodec ? null : build.getGraphQLTypeNameByPgCodec(codec, "output");
    if (typeName) {
      descriptions.set(typeName, parseTag(codec.extensions?.tags?.value));
    }
  }
  for (const resource of Object.values(build.pgResources)) {
    if (isFunction(resource)) {
      const words = parseTag(resource.extensions?.tags?.argument);
      const byArgument = new Map([...words].map(([name, text]) => [build.inflection.camelCase(name), text]));
      descriptions.set(ownerOf(build, resource), byArgument);
    }
  }
  return descriptions;
}

/** Where a function's arguments are: the input of a mutation, a field of the query, or a field of the records it is of. */
function ownerOf(
  { inflection }: GraphileBuild.Build,
  resource: Parameters<GraphileBuild.Inflection["customQueryField"]>[0]["resource"],
): string {
  const codec = resource.parameters[0]?.codec;
  if (resource.isMutation) {
    return inflection.customMutationInput({ resource });
  }
  return codec?.attributes
    ? `${inflection.tableType(codec as Parameters<typeof inflection.tableType>[0])}.${inflection.computedAttributeField({ resource })}`
    : `Query.${inflection.customQueryField({ resource })}`;
}

/** `name The sentence.`, once or several times. */
function parseTag(tag: unknown): Map<string, string> {
  const lines = (Array.isArray(tag) ? tag : [tag]).filter((line) => typeof line === "string");
  return new Map(lines.map((line) => [line.split(" ", 1)[0] ?? "", line.slice(line.indexOf(" ") + 1)]));
}

function describeType(schema: GraphQLSchema, type: GraphQLNamedType, descriptions: Descriptions): void {
  const own = descriptions.get(type.name);
  if (isEnumType(type)) {
    for (const value of type.getValues()) {
      value.description ||= own?.get(String(value.value)) ?? describeChoice(type.name, value.name);
    }
  } else if (isInputObjectType(type)) {
    for (const field of Object.values(type.getFields())) {
      field.description ||= own?.get(field.name) ?? describeByName(field.name);
    }
  } else if (isObjectType(type) || isInterfaceType(type)) {
    const prefix = type === schema.getQueryType() ? "Query." : `${type.name}.`;
    for (const field of Object.values(type.getFields())) {
      field.description ||= describeByName(field.name);
      const ownArguments = descriptions.get(prefix + field.name);
      for (const argument of field.args) {
        argument.description ||= ownArguments?.get(argument.name) ?? describeByName(argument.name);
      }
    }
  }
  if (type.name.endsWith("Aggregates")) {
    type.description ||= "Figures over all rows of a connection, whatever page is shown.";
  }
}

function describeByName(name: string): string | undefined {
  const reference = /^(.+)Id$/.exec(name)?.[1];
  return BY_NAME[name] ?? (reference && `The uuid (rowId) of the ${words(reference)}.`);
}

/** `STARTS_AT_DESC` → "By starts at, from the last." */
function describeChoice(typeName: string, name: string): string | undefined {
  if (!/(OrderBy|GroupBy)$/.test(typeName)) {
    return undefined;
  }
  const order = /^(.+)_(ASC|DESC)$/.exec(name);
  if (order) {
    return `By ${words(order[1] ?? "")}, from the ${order[2] === "ASC" ? "first" : "last"}.`;
  }
  const truncated = /^(.+)_TRUNCATED_TO_(HOUR|DAY)$/.exec(name);
  if (truncated) {
    return `By the ${words(truncated[2] ?? "")} of ${words(truncated[1] ?? "")}.`;
  }
  return BY_NAME[name] ?? `By ${words(name)}.`;
}

/** `homeClinic`, `HOME_CLINIC` → `home clinic` */
function words(name: string): string {
  const separated = name.replace(/([a-z])([A-Z])/g, "$1 $2").replaceAll("_", " ");
  return separated.toLowerCase();
}
