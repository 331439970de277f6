import "graphile-build-pg";

import type { PgResource } from "postgraphile/@dataplan/pg";

import type { FieldMeaning, Link, Rows } from "../src/compiledReads/fieldMeaning.ts";
import { columnOf } from "./sensitiveCoordinates.ts";

type Scope = GraphileBuild.ScopeObjectFieldsField;
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

function rootMeaning(build: GraphileBuild.Build, scope: Scope): FieldMeaning | undefined {
  const { pgFieldResource, pgFieldResourceUnique, isPgRowByUniqueConstraintField, nodeAccessorTypeName } =
    scope;
  if (nodeAccessorTypeName !== undefined) {
    const id = nodeIdMeaning(build, nodeAccessorTypeName);
    const rows = rowsOfType(build, nodeAccessorTypeName);
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

/** Neither a function nor anything else than rows that stand somewhere. */
function isTable(resource: PgResource): resource is Rows {
  return (
    resource.parameters === undefined &&
    resource.codec.attributes !== undefined &&
    !resource.codec.polymorphism &&
    typeof resource.from !== "function"
  );
}
