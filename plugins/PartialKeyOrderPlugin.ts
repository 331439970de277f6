import "graphile-build-pg";

import type { PgCodecWithAttributes, PgSelectQueryBuilder } from "postgraphile/@dataplan/pg";

import { bound } from "./bound.ts";

export function orderByColumn(attribute: string, direction: "ASC" | "DESC", builder: PgSelectQueryBuilder) {
  builder.orderBy({ attribute, direction });
}

/**
 * Columns that PostGraphile takes for unique because a key begins with them, though several rows may share a value: keys of
 * tenant tables begin with the tenant, and a unique column that may be null has many rows without one.
 */
function sharedColumns(build: GraphileBuild.Build, codec: PgCodecWithAttributes): string[] {
  const uniques = build.pgTableResource(codec)?.uniques ?? [];
  const isUnique = (column: string) =>
    codec.attributes[column]?.notNull === true &&
    uniques.some(({ attributes }) => attributes.length === 1 && attributes[0] === column);
  return [...new Set(uniques.flatMap(({ attributes }) => attributes.slice(0, 1)))].filter(
    (column) => !isUnique(column),
  );
}

/**
 * An order by such a column alone is no order of rows: Grafast would add nothing that settles it, rows of one tenant would
 * come as they please, and a page after a cursor would begin behind all of them.
 */
export const PartialKeyOrderPlugin: GraphileConfig.Plugin = {
  name: "PartialKeyOrderPlugin",
  description: "Takes a column for unique only if its values are",
  version: "1.0.0",
  schema: {
    hooks: {
      GraphQLEnumType_values: {
        provides: ["partialKeyOrder"],
        after: ["PgOrderAllAttributesPlugin"],
        callback(values, build, { scope: { isPgRowSortEnum, pgCodec } }) {
          const codec = pgCodec as PgCodecWithAttributes | undefined;
          for (const attributeName of isPgRowSortEnum && codec?.attributes
            ? sharedColumns(build, codec)
            : []) {
            for (const variant of ["asc", "desc"] as const) {
              const name = build.inflection.orderByAttributeEnum({
                codec: codec as PgCodecWithAttributes,
                attributeName,
                variant,
              });
              const value = values[name];
              if (value) {
                const apply = bound(orderByColumn, attributeName, variant === "asc" ? "ASC" : "DESC");
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
