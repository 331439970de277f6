import "graphile-build-pg";

const TENANT_COLUMNS = ["organization_id", "clinic_id"] as const;

/** The part of a relation's details that names depend on. */
interface RelationDetails {
  registry: GraphileBuild.Build["input"]["pgRegistry"];
  // The relation's own side; `any` because codecs of all tables meet here.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  codec: any;
  relationName: string;
}

/** The columns that tell one reference from another: tenant columns say nothing if there is anything else. */
export function distinctiveColumns(columns: readonly string[]): readonly string[] {
  let rest = columns;
  for (const tenantColumn of TENANT_COLUMNS) {
    if (rest.length > 1) {
      rest = rest.filter((column) => column !== tenantColumn);
    }
  }
  return rest;
}

function relationsOf({ registry, codec }: Pick<RelationDetails, "registry" | "codec">) {
  return Object.entries(registry.pgRelations[codec.name] ?? {});
}

/**
 * What a foreign key is called: `patient_id` → `patient`. Of several columns the one that points to an id decides, else
 * the one that is no tenant column; null if there is no such column.
 */
function baseName(columns: readonly string[], targets: readonly string[]): string | null {
  const toId = columns.filter((_, index) => targets[index] === "id");
  const deciding = toId.length === 1 ? toId : distinctiveColumns(columns);
  const match = deciding.length === 1 ? /^(.+)_id$/.exec(deciding[0] ?? "") : null;
  return match?.[1] ?? null;
}

/**
 * Foreign keys between tenant tables carry the tenant's columns, and generated names would repeat them. This names
 * relations as people do: `appointment.patient`, `patient.appointments`. Values of enums are in capitals.
 */
export const TenantInflectionPlugin: GraphileConfig.Plugin = {
  name: "TenantInflectionPlugin",
  description: "Names relations without the tenant columns of their composite keys",
  version: "1.0.0",
  after: ["PgSimplifyInflectionPlugin"],
  inflection: {
    replace: {
      /** `no_show` → `NO_SHOW`, as GraphQL's own enums are written. */
      enumValue(previous, _options, value, codec) {
        return this.constantCase(previous?.(value, codec) ?? value);
      },
      singleRelation(previous, _options, details) {
        const relation = details.registry.pgRelations[details.codec.name]?.[details.relationName];
        if (!relation || relation.extensions?.tags?.fieldName) {
          return previous?.(details) ?? details.relationName;
        }
        const { localAttributes, remoteAttributes, remoteResource } = relation;
        const target = this._singularizedCodecName(remoteResource.codec);
        const name = baseName(localAttributes, remoteAttributes);
        if (name === null) {
          // `accepted_by` → `acceptedByUser`
          return localAttributes.length === 1
            ? this.camelCase(`${localAttributes[0]}-${target}`)
            : (previous?.(details) ?? details.relationName);
        }
        // `user_id` together with a tenant may point to a membership. `user` would be a wrong name for that.
        const isNameOfAnother = Object.values(details.registry.pgResources).some(
          ({ codec }) => codec !== remoteResource.codec && this._singularizedCodecName(codec) === name,
        );
        return this.camelCase(isNameOfAnother ? target : name);
      },
      singleRelationBackwards(previous, _options, details) {
        return backwardName(this, details, false) ?? previous?.(details) ?? details.relationName;
      },
      _manyRelation(previous, _options, details) {
        return backwardName(this, details, true) ?? previous?.(details) ?? details.relationName;
      },
    },
  },
};

/** `appointments` if only one key of that table leads here, else `appointmentsByProvider`. */
function backwardName(
  inflection: GraphileBuild.Inflection,
  details: RelationDetails,
  isMany: boolean,
): string | null {
  const relation = details.registry.pgRelations[details.codec.name]?.[details.relationName];
  const tags = relation?.extensions?.tags;
  if (!relation || tags?.foreignFieldName || tags?.foreignSingleFieldName) {
    return null;
  }
  const singular = inflection._singularizedCodecName(relation.remoteResource.codec);
  const plain = isMany ? inflection.distinctPluralize(singular) : singular;
  const siblings = relationsOf(details).filter(
    ([, other]) => other.isReferencee && other.remoteResource.codec === relation.remoteResource.codec,
  );
  const name = baseName(relation.remoteAttributes, relation.localAttributes);
  const isNamedAfterUs = name !== null && inflection._baseNameMatches(name, details.codec.name);
  if (siblings.length === 1 || isNamedAfterUs) {
    return inflection.camelCase(plain);
  }
  return inflection.camelCase(
    `${plain}-by-${name ?? distinctiveColumns(relation.remoteAttributes).join("-and-")}`,
  );
}
