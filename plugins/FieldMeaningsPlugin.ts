import "@graphile/pg-aggregates";
import "graphile-build-pg";

import type { PgCodec, PgResource } from "postgraphile/@dataplan/pg";

import type { Computation, FieldMeaning, Link, RowMeaning, Rows } from "../src/compiledReads/fieldMeaning.ts";
import { bound } from "./bound.ts";
import { isFunction } from "./EndedSessionPlugin.ts";
import { columnOf, sensitiveFunctions } from "./sensitiveCoordinates.ts";

type Scope = GraphileBuild.ScopeObjectFieldsField;
type PgFunction = Parameters<GraphileBuild.Inflection["computedAttributeField"]>[0]["resource"];
type Registry = { pgRelations: Record<string, Record<string, unknown>> };

/** Notes what each field stands for in the database, for reads that are compiled (CompiledReadsPlugin). */
export const FieldMeaningsPlugin: GraphileConfig.Plugin = {
  name: "FieldMeaningsPlugin",
  description: "Notes what fields stand for in the database",
  version: "1.0.0",
  schema: {
    hooks: {
      GraphQLObjectType_fields_field(field, build, { scope, Self }) {
        const meaning = readMeaning(build, scope, Self.name);
        return meaning ? { ...field, extensions: { ...field.extensions, compiledRead: meaning } } : field;
      },
    },
  },
};

function readMeaning(build: GraphileBuild.Build, scope: Scope, typeName: string): FieldMeaning | undefined {
  const { fieldName, pgCodec: codec, isPgClassType } = scope;
  if (scope.isRootQuery) {
    return rootMeaning(build, scope);
  }
  if (scope.isPgConnectionAggregateField) {
    return aggregateMeaning(build, scope);
  }
  if (!isPgClassType || !codec?.attributes) {
    return undefined;
  }
  const { pgFieldAttribute } = scope;
  const attribute = Object.keys(codec.attributes).find(
    (name) => pgFieldAttribute !== undefined && codec.attributes?.[name] === pgFieldAttribute,
  );
  if (attribute !== undefined) {
    return { kind: "column", attribute, onRecord: columnOf(codec, attribute) };
  }
  if (fieldName === build.inflection.nodeIdFieldName()) {
    return nodeIdMeaning(build, typeName);
  }
  if (scope.fieldBehaviorScope === "typeField:single") {
    return computedMeaning(build, scope, typeName);
  }
  if (scope.fieldBehaviorScope === "typeField:resource:list") {
    return valuesMeaning(build, scope, typeName);
  }
  const link = linkOf(scope);
  if (!link) {
    return undefined;
  }
  return scope.isPgSingleRelationField
    ? { kind: "one", link }
    : scope.isPgManyRelationConnectionField
      ? { kind: "many", rows: link.to, link }
      : undefined;
}

function computedMeaning(
  build: GraphileBuild.Build,
  { fieldName, pgCodec }: Scope,
  typeName: string,
): FieldMeaning | undefined {
  const [resource, ...others] = Object.values(build.pgResources)
    .filter(isFunction)
    .filter(
      (each) =>
        each.parameters[0]?.codec === pgCodec &&
        build.inflection.computedAttributeField({ resource: each }) === fieldName,
    );
  const computation = resource && others.length === 0 ? computationOf(build, resource) : undefined;
  const onRecord = sensitiveFunctions(build).get(`${typeName}.${fieldName}`) ?? null;
  return computation && { kind: "computed", computation, onRecord };
}

function valuesMeaning(
  build: GraphileBuild.Build,
  { fieldName, pgCodec, pgFieldResource: resource }: Scope,
  typeName: string,
): FieldMeaning | undefined {
  if (!resource || !isFunction(resource)) {
    return undefined;
  }
  const { codec, from, isMutation, isUnique, isList, sqlPartitionByIndex, parameters } = resource;
  const isPlainSet = !isMutation && !isUnique && !isList && !sqlPartitionByIndex && isPlain(codec);
  // Those that are on record are not: Grafast has an error for each of them.
  const isOnRecord = sensitiveFunctions(build).has(`${typeName}.${fieldName}`);
  return isPlainSet &&
    !isOnRecord &&
    parameters.length === 1 &&
    parameters[0]?.codec === pgCodec &&
    typeof from === "function"
    ? { kind: "values", computation: { codec, call: from, parameters: [] } }
    : undefined;
}

/** Undefined for what gives anything but one value, and for what may change something: that runs as often as Grafast has it run. */
function computationOf({ inflection }: GraphileBuild.Build, resource: PgFunction): Computation | undefined {
  const { codec, from, isMutation, isUnique } = resource;
  if (isMutation || !isUnique || codec.attributes || typeof from !== "function") {
    return undefined;
  }
  const parameters = resource.parameters.slice(1);
  return parameters.some(
    (parameter) => parameter.extensions?.variant !== undefined || !isPlain(parameter.codec),
  )
    ? undefined
    : {
        codec,
        call: from,
        parameters: parameters.map((param, index) => ({
          argument: inflection.argument({ param, resource, index }),
          codec: param.codec,
        })),
      };
}

/** Whether a value of it is given as one text. */
function isPlain({ attributes, arrayOfCodec, rangeOfCodec, isBinary }: PgCodec): boolean {
  return !attributes && !arrayOfCodec && !rangeOfCodec && isBinary !== true;
}

function aggregateMeaning(
  { inflection }: GraphileBuild.Build,
  { fieldName, pgAggregateSpec: spec, pgTypeResource: resource }: Scope,
): FieldMeaning | undefined {
  const { codec } = (resource as PgResource | undefined) ?? {};
  const [attribute, ...others] = Object.entries(codec?.attributes ?? {}).filter(
    ([attributeName]) => inflection.attribute({ attributeName, codec: codec as never }) === fieldName,
  );
  if (!spec || !attribute || others.length > 0) {
    return undefined;
  }
  const [name, { codec: columnCodec }] = attribute;
  return {
    kind: "aggregate",
    attribute: name,
    codec: spec.pgTypeCodecModifier?.(columnCodec) ?? columnCodec,
    isNeverNull: spec.isNonNull === true,
    wrap: spec.sqlAggregateWrap,
  };
}

function rootMeaning(build: GraphileBuild.Build, scope: Scope): FieldMeaning | undefined {
  const { pgFieldResource, pgFieldResourceUnique, isPgRowByUniqueConstraintField, nodeAccessorTypeName } =
    scope;
  if (scope.isRootNodeField) {
    const names = build.getNodeTypeNames?.() ?? [];
    const rows = Object.fromEntries(names.map((typeName) => [typeName, rowByNodeId(build, typeName)]));
    return { kind: "node", argument: build.inflection.nodeIdFieldName(), rowOf: bound(rowNamed, rows) };
  }
  if (nodeAccessorTypeName !== undefined) {
    return rowByNodeId(build, nodeAccessorTypeName);
  }
  if (scope.fieldBehaviorScope === "queryField:single") {
    return givenMeaning(build, scope);
  }
  if (scope.isPgFieldConnection && pgFieldResource && isRowFunction(pgFieldResource)) {
    return pgFieldResource.isUnique ? undefined : { kind: "many", rows: pgFieldResource, link: null };
  }
  if (!pgFieldResource || !isTable(pgFieldResource)) {
    return undefined;
  }
  if (isPgRowByUniqueConstraintField && pgFieldResourceUnique) {
    const keys = pgFieldResourceUnique.attributes.map((attributeName: string) => [
      build.inflection.attribute({ attributeName, codec: pgFieldResource.codec as never }),
      attributeName,
    ]);
    return { kind: "row", rows: pgFieldResource, nodeIdentifier: null, keys: Object.fromEntries(keys) };
  }
  return scope.isPgFieldConnection ? { kind: "many", rows: pgFieldResource, link: null } : undefined;
}

export function rowNamed(
  rows: Readonly<Record<string, RowMeaning | undefined>>,
  typeName: string,
): RowMeaning | undefined {
  return Object.hasOwn(rows, typeName) ? rows[typeName] : undefined;
}

function givenMeaning(
  { pgResources, inflection }: GraphileBuild.Build,
  { fieldName }: Scope,
): FieldMeaning | undefined {
  const [resource, ...others] = Object.values(pgResources)
    .filter(isFunction)
    .filter((each) => inflection.customQueryField({ resource: each }) === fieldName);
  return resource && others.length === 0 && isRowFunction(resource) && resource.isUnique
    ? { kind: "given", rows: resource }
    : undefined;
}

function rowByNodeId(build: GraphileBuild.Build, typeName: string): RowMeaning | undefined {
  const id = nodeIdMeaning(build, typeName);
  const rows = rowsOfType(build, typeName);
  const [key] = id?.keys ?? [];
  return id && rows && key !== undefined
    ? {
        kind: "row",
        rows,
        nodeIdentifier: id.identifier,
        keys: { [build.inflection.nodeIdFieldName()]: key },
      }
    : undefined;
}

function nodeIdMeaning(
  build: GraphileBuild.Build,
  typeName: string,
): (FieldMeaning & { kind: "nodeId" }) | undefined {
  const handler = build.getNodeIdHandler?.(typeName);
  const keys = rowsOfType(build, typeName)?.uniques.find(({ isPrimary }) => isPrimary)?.attributes;
  return handler?.codec.name === "base64JSON" && keys
    ? { kind: "nodeId", identifier: typeName, keys }
    : undefined;
}

function rowsOfType(build: GraphileBuild.Build, typeName: string): Rows | undefined {
  const scope = build.getTypeMetaByName(typeName)?.scope as { pgCodec?: never } | undefined;
  const resource = scope?.pgCodec && build.pgTableResource(scope.pgCodec);
  return resource && isTable(resource) ? resource : undefined;
}

function linkOf({ pgRelationDetails, pgRefDetails }: Scope): Link | undefined {
  if (!pgRelationDetails || pgRefDetails) {
    return undefined;
  }
  const { registry, codec, relationName } = pgRelationDetails;
  const relations = (registry as unknown as Registry).pgRelations[codec.name];
  const relation = relations?.[relationName] as
    { remoteResource: PgResource; localAttributes: string[]; remoteAttributes: string[] } | undefined;
  return relation && isTable(relation.remoteResource)
    ? {
        to: relation.remoteResource,
        localAttributes: relation.localAttributes,
        remoteAttributes: relation.remoteAttributes,
      }
    : undefined;
}

/** A function without arguments that changes nothing and gives rows of a table. */
function isRowFunction(resource: PgResource): resource is Rows {
  const { codec, from, isMutation, isList, parameters, sqlPartitionByIndex } = resource;
  return (
    parameters?.length === 0 &&
    !isMutation &&
    !isList &&
    !sqlPartitionByIndex &&
    codec.attributes !== undefined &&
    !codec.isAnonymous &&
    !codec.polymorphism &&
    typeof from === "function"
  );
}

/** Neither a function nor anything else than rows that stand somewhere. */
function isTable(resource: PgResource): resource is Rows {
  return (
    resource.parameters === undefined &&
    resource.codec.attributes !== undefined &&
    !resource.codec.polymorphism &&
    typeof resource.from !== "function"
  );
}
