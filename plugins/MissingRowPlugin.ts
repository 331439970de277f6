import "graphile-build-pg";

import { type ObjectStep, sideEffect, trap, TRAP_INHIBITED } from "grafast";

import { AppError } from "../src/errors/AppError.ts";
import { bound, type Plan } from "./bound.ts";

/** `pgUpdateSingle` yields null when no row was touched; `pgDeleteSingle` throws, see classifyError. */
function assertRowWasFound(row: unknown): void {
  if (row === null || row === undefined) {
    throw new AppError("NOT_FOUND");
  }
}

export function planChange(plan: Plan, ...planArguments: Parameters<Plan>) {
  const $payload = plan(...planArguments) as ObjectStep;
  // A node id of another type, or none at all, inhibits the step, which looks like success as well.
  const $row = trap($payload.get("result"), TRAP_INHIBITED, { valueForInhibited: "NULL" });
  sideEffect($row, assertRowWasFound);
  return $payload;
}

/**
 * An update or delete that row security swallowed touches no row, and PostGraphile answers with an empty payload as if
 * all were well. Here it is the error NOT_FOUND, the same for a foreign and for a missing id.
 */
export const MissingRowPlugin: GraphileConfig.Plugin = {
  name: "MissingRowPlugin",
  description: "Turns an update or delete of no row into an error",
  version: "1.0.0",
  schema: {
    hooks: {
      GraphQLObjectType_fields_field(field, _build, { scope }) {
        const { plan } = field;
        if (!(scope.isPgUpdateMutation || scope.isPgDeleteMutation) || !plan) {
          return field;
        }
        return { ...field, plan: bound(planChange, plan as Plan) };
      },
    },
  },
};
