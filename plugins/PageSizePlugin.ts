import "graphile-build-pg";

import { type ConnectionStep, context, lambda, list } from "grafast";

import { bound, type Plan } from "./bound.ts";

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- how Grafast learns of the context's members
  namespace Grafast {
    interface Context {
      /** Rows of a list without `first` and `last`. */
      defaultPageSize?: number;
    }
  }
}

function pageSize([defaultSize, first, last]: readonly unknown[]): unknown {
  if (defaultSize === undefined) {
    throw new Error("The context has no size of a page, without which lists would be read whole.");
  }
  return first ?? (last ? undefined : defaultSize);
}

export function planPage(plan: Plan, ...planArguments: Parameters<Plan>) {
  const [, fieldArgs] = planArguments;
  const $connection = plan(...planArguments) as ConnectionStep<never>;
  // Lists that cannot be read backwards have no `last`.
  const $given = ["first", "last"].map((name) => fieldArgs.getRaw(name)).filter(Boolean);
  if ($given.length > 0) {
    const $sizes = list([context().get("defaultPageSize"), ...$given]);
    $connection.setFirst(lambda($sizes, pageSize, true) as never);
  }
  return $connection;
}

/**
 * A list without `first` and `last` would be read whole; here it has the default page. What is out of bounds is refused
 * before planning, see estimateCost.
 */
export const PageSizePlugin: GraphileConfig.Plugin = {
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
        return scope.isPgFieldConnection && plan ? { ...field, plan: bound(planPage, plan as Plan) } : field;
      },
    },
  },
};
