import "graphile-build-pg";

import { sql } from "pg-sql2";
import { type PgCodecWithAttributes, type PgSelectQueryBuilder, TYPES } from "postgraphile/@dataplan/pg";

import { bound } from "./bound.ts";

const TENANT = "organization_id";
const WITHOUT_ORDER = ["-attribute:orderBy"] as const satisfies GraphileBuild.BehaviorString[];

type Direction = "ASC" | "DESC";

/** Of tables whose rows belong to organizations: the columns of the primary key. */
function primaryKeyOf(build: GraphileBuild.Build, codec: PgCodecWithAttributes): readonly string[] {
  const uniques = build.pgTableResource(codec)?.uniques ?? [];
  return codec.attributes[TENANT] ? (uniques.find(({ isPrimary }) => isPrimary)?.attributes ?? []) : [];
}

/** Whether a row may belong to no organization: its policies have more than one arm, which an order by tenant cannot use. */
function hasRowsOfNobody(codec: PgCodecWithAttributes): boolean {
  return codec.attributes[TENANT]?.notNull !== true;
}

/** @param hasTenant whether every row belongs to an organization. */
export function orderByPrimaryKey(
  {
    primaryKey,
    hasTenant,
    direction,
  }: { primaryKey: readonly string[]; hasTenant: boolean; direction: Direction },
  builder: PgSelectQueryBuilder,
) {
  if (hasTenant) {
    const columns = [TENANT, ...primaryKey.filter((column) => column !== TENANT)];
    columns.forEach((attribute) => builder.orderBy({ attribute, direction }));
  } else {
    // As text, so that no index has this order: Postgres finds what the caller may see, and then sorts that.
    primaryKey.forEach((column) => {
      const fragment = sql`${builder.alias}.${sql.identifier(column)}::text`;
      builder.orderBy({ fragment, codec: TYPES.text, direction });
    });
  }
  builder.setOrderIsUnique();
}

/**
 * Lists of tenants' rows come by organization and then by id, which an index led by the tenant answers. By id alone,
 * Postgres would walk through the primary key and pass over the rows of all other tenants: of a million appointments it
 * read 950,000 for a page of 20. So `PRIMARY_KEY_…` names the organization first, and there is no order by `rowId` or any
 * other uuid, whose foreign key's index may not be led by the tenant either: such an order says nothing to anybody.
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
          callback(behavior, [codec, attributeName]) {
            const isUuid = codec.attributes[attributeName]?.codec.name === "uuid";
            const isTenant = attributeName === TENANT && !hasRowsOfNobody(codec);
            return codec.attributes[TENANT] && isUuid && !isTenant ? [behavior, ...WITHOUT_ORDER] : behavior;
          },
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
          if (!codec || primaryKey.length === 0) {
            return values;
          }
          for (const direction of ["ASC", "DESC"] as const) {
            const value = values[build.inflection.builtin(`PRIMARY_KEY_${direction}`)];
            if (value) {
              const hasTenant = !hasRowsOfNobody(codec);
              const apply = bound(orderByPrimaryKey, { primaryKey, hasTenant, direction });
              value.extensions = { ...value.extensions, grafast: { ...value.extensions?.grafast, apply } };
            }
          }
          return values;
        },
      },
    },
  },
};
