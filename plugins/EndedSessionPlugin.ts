import "graphile-build-pg";

import { type ObjectStep, sideEffect } from "grafast";
import type { PgResource } from "postgraphile/@dataplan/pg";

import { AppError } from "../src/errors/AppError.ts";
import { bound, type Plan } from "./bound.ts";

type FunctionResource = Parameters<GraphileBuild.Inflection["customMutationField"]>[0]["resource"];

/** Whether a resource of PostGraphile is a function, not a table. */
export function isFunction(resource: PgResource): resource is FunctionResource {
  return resource.parameters !== undefined;
}

/** Whether a codec of PostGraphile stands for `app_public.session_grant`. */
export function isSessionGrant(codec: {
  extensions?: { pg?: { schemaName: string; name: string } };
}): boolean {
  return codec.extensions?.pg?.schemaName === "app_public" && codec.extensions.pg.name === "session_grant";
}

export function planSession(plan: Plan, ...planArguments: Parameters<Plan>) {
  const $payload = plan(...planArguments) as ObjectStep;
  sideEffect($payload.get("result"), (grant) => {
    if (grant === null || grant === undefined) {
      throw new AppError("SESSION_REVOKED");
    }
  });
  return $payload;
}

/**
 * `refresh_session` answers null instead of raising an exception, which would undo the revocation it has just made.
 * Clients get the error SESSION_REVOKED.
 */
export const EndedSessionPlugin: GraphileConfig.Plugin = {
  name: "EndedSessionPlugin",
  description: "Turns a refused session refresh into an error",
  version: "1.0.0",
  schema: {
    hooks: {
      GraphQLObjectType_fields_field(field, build, { scope }) {
        const { plan } = field;
        if (!scope.isRootMutation || !plan || !sessionMutations(build).has(scope.fieldName)) {
          return field;
        }
        return { ...field, plan: bound(planSession, plan as Plan) };
      },
    },
  },
};

/** The mutations that open or continue a session. */
function sessionMutations(build: GraphileBuild.Build): Set<string> {
  return new Set(
    Object.values(build.pgResources)
      .filter(isFunction)
      .filter(({ codec, isMutation }) => isMutation && isSessionGrant(codec))
      .map((resource) => build.inflection.customMutationField({ resource })),
  );
}
