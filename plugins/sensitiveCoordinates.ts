import "graphile-build-pg";

import { type GraphQLSchema, isEnumType } from "graphql";

import { isFunction } from "./EndedSessionPlugin.ts";
import { kept } from "./kept.ts";

/** Coordinate of a schema (`Patient.givenName`, `PatientFilter.givenName`, `PatientOrderBy.GIVEN_NAME_ASC`) → what it reaches. */
export type Coordinates = ReadonlyMap<string, string>;

type Entries = readonly (readonly [string, string])[];
type Build = GraphileBuild.Build;
type Codec = Build["pgCodecs"][string];
type Tagged = { extensions?: { tags?: Partial<Record<string, unknown>> } } | null | undefined;

/** Tags of whose columns and functions a look is on record: of patients, and at the audit itself. */
const ON_RECORD = new Set<unknown>(["phi", "audit"]);
const AGGREGATES = ["DistinctCount", "Sum", "Average", "Min", "Max"];

const coordinatesOf = new WeakMap<Entries, Coordinates>();

/** What the schema's fields, filters, orders and aggregates reach; nothing for a schema that was made without the plugin. */
export function sensitiveCoordinates(schema: GraphQLSchema): Coordinates {
  const entries = schema.extensions.sensitiveCoordinates as Entries | undefined;
  return entries ? kept(coordinatesOf, entries, () => new Map(entries)) : new Map();
}

/** Notes them when the schema is complete: with it, so that a file that it is written into has them too. */
export function keepCoordinates(schema: GraphQLSchema, build: Build): void {
  const coordinates = new Map<string, string>(sensitiveFunctions(build));
  for (const codec of Object.values(build.pgCodecs)) {
    if (codec.attributes && ON_RECORD.has(tagOf(codec))) {
      coordinatesOfTable(build, codec).forEach(([each, column]) => coordinates.set(each, column));
    }
    for (const [coordinate, attributeName] of coordinatesOfEnums(schema, build, codec)) {
      const column = columnOf(codec, attributeName);
      if (column !== null) {
        coordinates.set(coordinate, column);
      }
    }
    for (const attributeName of Object.keys(codec.attributes ?? {})) {
      const column = columnOf(codec, attributeName);
      if (column !== null) {
        coordinatesOfColumn(build, codec, attributeName).forEach((each) => coordinates.set(each, column));
      }
    }
  }
  schema.extensions = { ...schema.extensions, sensitiveCoordinates: [...coordinates] };
}

/** `app_public.patients.given_name` if a look at it is on record, else null. */
export function columnOf(codec: Codec, attributeName: string): string | null {
  const { schemaName, name } = codec.extensions?.pg ?? {};
  const isOnRecord = ON_RECORD.has(tagOf(codec.attributes?.[attributeName])) || ON_RECORD.has(tagOf(codec));
  return isOnRecord && schemaName !== undefined ? `${schemaName}.${name}.${attributeName}` : null;
}

/** `Patient.fullName` → `app_public.patients.full_name`, and `Mutation.openShare` → `app_vault.open_share()`. */
export function sensitiveFunctions({ pgResources, inflection }: Build): Map<string, string> {
  const functions = new Map<string, string>();
  for (const resource of Object.values(pgResources)) {
    const { schemaName, name } = resource.extensions?.pg ?? {};
    if (!isFunction(resource) || !ON_RECORD.has(tagOf(resource)) || name === undefined) {
      continue;
    }
    const [first] = resource.parameters;
    const label = `${schemaName}.${name}()`;
    if (resource.isMutation) {
      functions.set(`Mutation.${inflection.customMutationField({ resource })}`, label);
    } else if (first?.codec.attributes) {
      const type = inflection.tableType(first.codec as Parameters<typeof inflection.tableType>[0]);
      const column = name.replace(`${first.codec.name}_`, `${first.codec.name}.`);
      functions.set(`${type}.${inflection.computedAttributeField({ resource })}`, `${schemaName}.${column}`);
    } else {
      functions.set(`Query.${inflection.customQueryField({ resource })}`, label);
      functions.set(`Query.${inflection.customQueryConnectionField({ resource })}`, label);
    }
  }
  return functions;
}

/** Where a column can be seen, or asked about: an order or a filter tells of values that are not selected. */
function coordinatesOfColumn({ inflection }: Build, codec: Codec, attributeName: string): string[] {
  const type = inflection.tableType(codec as Parameters<typeof inflection.tableType>[0]);
  const field = inflection.attribute({ attributeName, codec: codec as never });
  return [
    `${type}.${field}`,
    `${type}Filter.${field}`,
    ...AGGREGATES.map((aggregate) => `${type}${aggregate}Aggregates.${field}`),
  ];
}

/**
 * The orders and groups of a table, as the schema has them, each with the column it goes by: `CREATED_AT_DESC` and
 * `CREATED_AT_TRUNCATED_TO_DAY` by `created_at`, unless there is a column with more of the name.
 */
function coordinatesOfEnums(schema: GraphQLSchema, { inflection }: Build, codec: Codec): [string, string][] {
  const type = inflection.tableType(codec as Parameters<typeof inflection.tableType>[0]);
  const constants = Object.keys(codec.attributes ?? {})
    .map((attributeName) => {
      const constant = inflection.constantCase(
        inflection._attributeName({ attributeName, codec: codec as never }),
      );
      return [constant, attributeName] as const;
    })
    .sort(([one], [other]) => other.length - one.length);
  return [`${type}OrderBy`, `${type}GroupBy`].flatMap((name) => {
    const values = schema.getType(name);
    return (isEnumType(values) ? values.getValues() : []).flatMap((value): [string, string][] => {
      const found = constants.find(([constant]) => `${value.name}_`.startsWith(`${constant}_`));
      return found ? [[`${name}.${value.name}`, found[1]]] : [];
    });
  });
}

/** Of what is on record as a whole, also that there are rows, and how many. */
function coordinatesOfTable({ inflection }: Build, codec: Codec): [string, string][] {
  const type = inflection.tableType(codec as Parameters<typeof inflection.tableType>[0]);
  const { schemaName, name } = codec.extensions?.pg ?? {};
  const column = `${schemaName}.${name}.id`;
  return [
    [`${type}.id`, column],
    [`${inflection.connectionType(type)}.totalCount`, column],
  ];
}

function tagOf(tagged: Tagged): unknown {
  return tagged?.extensions?.tags?.sensitivity;
}
