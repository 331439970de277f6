import "graphile-build-pg";

import { type ConnectionStep, type FieldArg, lambda, type Step } from "grafast";
import { sql } from "pg-sql2";
import type { PgSelectQueryBuilder, PgSelectStep } from "postgraphile/@dataplan/pg";

import { bound } from "./bound.ts";

const ARCHIVED_AT = "deleted_at";
const ARGUMENT = "includeArchived";

/** Restricts a query to rows that are not archived. */
export function leaveOutArchived(query: Pick<PgSelectQueryBuilder, "where" | "alias">): void {
  query.where(sql`${query.alias}.${sql.identifier(ARCHIVED_AT)} is null`);
}

/** @param isConnection whether the list's step has pages, around the step of its rows. */
export function planArchived(isConnection: boolean, _$parent: Step, $list: Step, argument: FieldArg): void {
  const $select = (isConnection ? ($list as ConnectionStep<never>).getSubplan() : $list) as PgSelectStep;
  // Chosen when the query runs, so that the planner sees a plain `is null` and can use a partial index.
  $select.apply(
    lambda(argument.getRaw(), (isIncluded) => (isIncluded === true ? null : leaveOutArchived), true),
  );
}

/**
 * Lists of a table with `deleted_at` leave archived rows out unless they are asked for. A condition of the query and not
 * of a policy: hiding a row from its own update would refuse to archive it. Counts, aggregates and pages follow, because
 * they are made from the list's own query.
 */
export const ArchivedRowsPlugin: GraphileConfig.Plugin = {
  name: "ArchivedRowsPlugin",
  description: "Leaves archived rows out of lists unless they are asked for",
  version: "1.0.0",
  schema: {
    hooks: {
      GraphQLObjectType_fields_field_args(args, build, { scope, Self }) {
        const { fieldName, isPgFieldConnection, isPgFieldSimpleCollection, pgFieldResource } = scope;
        const isList = isPgFieldConnection || isPgFieldSimpleCollection;
        if (!isList || !pgFieldResource?.codec.attributes?.[ARCHIVED_AT]) {
          return args;
        }
        return build.extend(
          args,
          {
            [ARGUMENT]: {
              description: "Whether archived records are among the results.",
              type: new build.graphql.GraphQLNonNull(build.graphql.GraphQLBoolean),
              defaultValue: false,
              applyPlan: bound(planArchived, isPgFieldConnection === true),
            },
          },
          `Adding ${ARGUMENT} to '${fieldName}' of '${Self.name}'`,
        );
      },
    },
  },
};
