import "graphile-build-pg";

import { sql } from "pg-sql2";
import { type PgCodecWithAttributes, type PgSelectQueryBuilder, TYPES } from "postgraphile/@dataplan/pg";

import { bound } from "./bound.ts";

/**
 * Behind a cursor, Grafast takes rows without a value for coming where those with one do, and the other way round
 * (@dataplan/pg 1.0, `applyConditionFromCursor`): pages in the order of a column that may be null left rows out. So whether
 * there is a value is an order of its own, in front of the value: of rows that are alike in this, no comparison goes wrong.
 */
export const NullableOrderPlugin: GraphileConfig.Plugin = {
  name: "NullableOrderPlugin",
  description: "Orders by a column that may be null so that pages show every row once",
  version: "1.0.0",
  schema: {
    hooks: {
      GraphQLEnumType_values: {
        provides: ["nullableOrder"],
        after: ["PgOrderAllAttributesPlugin", "partialKeyOrder", "tenantOrder"],
        callback(values, build, { scope: { isPgRowSortEnum, pgCodec } }) {
          const codec = pgCodec as PgCodecWithAttributes | undefined;
          const attributes = isPgRowSortEnum && codec?.attributes ? Object.entries(codec.attributes) : [];
          for (const [attributeName, { notNull, codec: type }] of attributes) {
            if (!codec || notNull || type.notNull) {
              continue;
            }
            for (const variant of ["asc", "desc"] as const) {
              const name = build.inflection.orderByAttributeEnum({ codec, attributeName, variant });
              const value = values[name];
              if (value) {
                const apply = bound(orderWithNulls, attributeName, variant === "asc" ? "ASC" : "DESC");
                value.extensions = { ...value.extensions, grafast: { ...value.extensions?.grafast, apply } };
              }
            }
          }
          return values;
        },
      },
    },
  },
};

/** As Postgres orders: rows without a value come last, and first in descending order. */
export function orderWithNulls(attribute: string, direction: "ASC" | "DESC", builder: PgSelectQueryBuilder) {
  const fragment = sql`(${builder.alias}.${sql.identifier(attribute)} is null)`;
  builder.orderBy({ fragment, codec: TYPES.boolean, nullable: false, direction });
  builder.orderBy({ attribute, direction });
}
