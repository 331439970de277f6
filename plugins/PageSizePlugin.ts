import "graphile-build-pg";

import { type ConnectionStep, type FieldArgs, lambda, list } from "grafast";

/**
 * A list without `first` and `last` would be read whole; here it has the default page. What is out of bounds is refused
 * before planning, see estimateCost.
 */
export function makePageSizePlugin(defaultSize: number): GraphileConfig.Plugin {
  const pageSize = ([first, last]: readonly unknown[]) => first ?? (last ? undefined : defaultSize);
  return {
    name: "PageSizePlugin",
    description: "Gives lists a default page",
    version: "1.0.0",
    schema: {
      hooks: {
        GraphQLObjectType_fields_field_args_arg(argument, _build, { scope }) {
          // Applied by the field's plan below, which also knows when the argument is missing.
          return scope.isPgFieldConnection && scope.argName === "first"
            ? { ...argument, applyPlan: undefined }
            : argument;
        },
        GraphQLObjectType_fields_field(field, _build, { scope }) {
          const { plan } = field;
          if (!scope.isPgFieldConnection || !plan) {
            return field;
          }
          return {
            ...field,
            plan($parent, fieldArgs: FieldArgs, info) {
              const $connection = plan($parent, fieldArgs, info) as unknown as ConnectionStep<never>;
              // Lists that cannot be read backwards have no `last`.
              const $given = ["first", "last"].map((name) => fieldArgs.getRaw(name)).filter(Boolean);
              if ($given.length > 0) {
                $connection.setFirst(lambda(list($given), pageSize, true) as never);
              }
              return $connection;
            },
          };
        },
      },
    },
  };
}
