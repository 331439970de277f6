import { execute, hookArgs } from "grafast";
import { makeSchema } from "graphile-build";
import type { ExecutionResult, GraphQLError, GraphQLSchema } from "graphql";
import type { Logger } from "pino";

import { type Identity, makeAuthenticate } from "../../auth/authenticate.ts";
import { makeRecognizePerson } from "../../auth/recognizePerson.ts";
import { signToken } from "../../auth/signToken.ts";
import { makeVerifyToken } from "../../auth/verifyToken.ts";
import { makePool } from "../../database/makePool.ts";
import type { PreparedDatabase } from "../../database/prepareDatabase.ts";
import { makeMaskError } from "../../errors/maskError.ts";
import { makeGatewayPreset } from "../../gatewayPreset.ts";
import { makeRequestContext, runInRequestContext } from "../../http/requestContext.ts";
import { withoutLimits } from "../../limits/withoutLimits.ts";
import { ReleaseList } from "../../ReleaseList.ts";
import type { Actor } from "../world/rolledBack.ts";
import type { FuzzRequest } from "./RequestWriter.ts";
import { type Outcome, undoCommits, withOutcome } from "./undoingPool.ts";

/** Somebody who sends requests. */
export interface Caller {
  name: string;
  actor: Actor | null;
  /** Such as `x-organization-id`. */
  headers?: Readonly<Record<string, string>>;
}

export type Variables = Readonly<Record<string, unknown>>;

export interface Answer extends Outcome {
  data: unknown;
  codes: string[];
  /** Everything that the client would get. */
  text: string;
}

/** The API as the gateway serves it, called without a socket in between. */
export interface Api {
  schema: GraphQLSchema;
  ask(caller: Caller, request: FuzzRequest, variables: Variables): Promise<Answer>;
  close(): Promise<void>;
}

export const CONCURRENCY = 3;
const REQUEST_ID = "fuzz";

/**
 * Builds the gateway's own schema and calls it with the gateway's own authentication, settings, login role and masking of
 * errors. No change outlives its request.
 */
export async function openApi({ config, urls }: PreparedDatabase, logger: Logger): Promise<Api> {
  const releases = new ReleaseList();
  const pool = makePool(urls.gateway, { max: 2 * CONCURRENCY, applicationName: "bailiwick-fuzz" }, logger);
  undoCommits(pool);
  releases.add(() => pool.end());
  const identities = new WeakMap<object, Identity>();
  const parts = { pool, url: urls.gateway, logger, identities, releases, ...withoutLimits() };
  const preset = makeGatewayPreset(config, parts);
  const { schema, resolvedPreset } = await makeSchema(preset);
  const authenticate = makeAuthenticate(makeVerifyToken(config.auth), makeRecognizePerson(pool));
  const maskError = makeMaskError(logger, { isSchemaShown: true });

  const run = async ({ document }: FuzzRequest, variables: Variables, identity: Identity) => {
    const req = {};
    identities.set(req, identity);
    const args = await hookArgs({
      schema,
      document,
      variableValues: variables,
      contextValue: {},
      resolvedPreset,
      requestContext: { node: { req } } as Partial<Grafast.RequestContext>,
    });
    return (await execute(args)) as ExecutionResult;
  };
  const identify = ({ actor, headers }: Caller) => {
    const authorization = actor ? `Bearer ${signToken(config.auth, actor)}` : undefined;
    const read = (name: string) => (name === "authorization" ? authorization : headers?.[name]);
    return authenticate(read, { requestId: REQUEST_ID, client: null });
  };
  const known = new Map<Caller, Promise<Identity>>();
  const identityOf = (caller: Caller) => {
    const identity = known.get(caller) ?? identify(caller);
    known.set(caller, identity);
    return identity;
  };
  return {
    schema,
    async ask(caller, request, variables) {
      const identity = await identityOf(caller);
      const context = { ...makeRequestContext(REQUEST_ID), anonymous: identity.claims === null };
      const [{ data, errors, extensions }, outcome] = await runInRequestContext(context, () =>
        withOutcome(() => run(request, variables, identity)),
      );
      const masked = runInRequestContext(context, () =>
        errors?.map((error) => maskError(error as GraphQLError)),
      );
      return {
        data,
        codes: masked?.map((error) => String(error.extensions.code)) ?? [],
        text: JSON.stringify({ data, errors: masked, extensions }),
        ...outcome,
      };
    },
    close: () => releases.releaseAll(),
  };
}
