import "graphile-build-pg";

import type { PgCodecWithAttributes, PgSelectQueryBuilder } from "postgraphile/@dataplan/pg";

const TENANT = "organization_id";
const WITHOUT_ORDER = ["-orderBy", "-attribute:orderBy"] as const satisfies GraphileBuild.BehaviorString[];

/** Of tables whose rows belong to organizations: the columns of the primary key. */
function primaryKeyOf(build: GraphileBuild.Build, codec: PgCodecWithAttributes): readonly string[] {
  const uniques = build.pgTableResource(codec)?.uniques ?? [];
  return codec.attributes[TENANT] ? (uniques.find(({ isPrimary }) => isPrimary)?.attributes ?? []) : [];
}

/**
 * Lists of tenants' rows come by organization and then by id, which an index led by the tenant answers. By id alone,
 * Postgres would walk through the primary key and pass over the rows of all other tenants: of a million appointments it
 * read 950,000 for a page of 20. So `PRIMARY_KEY_…` names the organization first, and there is no order by `rowId`.
 */
export const TenantOrderPlugin: GraphileConfig.Plugin = {
  name: "TenantOrderPlugin",
  description: "Orders rows of tenants by organization before id",
  version: "1.0.0",
  after: ["PgOrderByPrimaryKeyPlugin"],
  schema: {
    entityBehavior: {
      pgCodecAttribute: {
        override: {
          provides: ["tenantOrder"],
          callback: (behavior, [codec, attributeName], build) =>
            primaryKeyOf(build, codec).includes(attributeName) ? [behavior, ...WITHOUT_ORDER] : behavior,
        },
      },
    },
    hooks: {
      GraphQLEnumType_values: {
        provides: ["tenantOrder"],
        after: ["PgOrderByPrimaryKeyPlugin"],
        callback(values, build, { scope: { isPgRowSortEnum, pgCodec } }) {
          const codec = pgCodec as PgCodecWithAttributes | undefined;
          const primaryKey = isPgRowSortEnum && codec?.attributes ? primaryKeyOf(build, codec) : [];
          if (primaryKey.length === 0) {
            return values;
          }
          const columns = [TENANT, ...primaryKey.filter((column) => column !== TENANT)];
          for (const direction of ["ASC", "DESC"] as const) {
            const value = values[build.inflection.builtin(`PRIMARY_KEY_${direction}`)];
            if (value) {
              const apply = (builder: PgSelectQueryBuilder) => {
                columns.forEach((attribute) => builder.orderBy({ attribute, direction }));
                builder.setOrderIsUnique();
              };
              value.extensions = { ...value.extensions, grafast: { ...value.extensions?.grafast, apply } };
            }
          }
          return values;
        },
      },
    },
  },
};
