import express, { type Express } from "express";
import type { Pool } from "pg";

import type { Identity } from "../auth/authenticate.ts";
import type { Config } from "../config.ts";
import { makeExports } from "../exports/serveExports.ts";
import type { Limits } from "../limits/openLimits.ts";
import { GRAPHQL_PATH, MAXIMUM_BODY_BYTES } from "../preset.ts";
import { makeWebhooks } from "../webhooks/receiveWebhooks.ts";
import { makeAllowOrigins } from "./allowOrigins.ts";
import { makeAuthenticateRequest } from "./authenticateRequest.ts";
import { assertGraphqlRequest, makeReadGraphqlRequest } from "./graphqlRequest.ts";
import { makeLogRequest, openSpan, type RequestRecorder } from "./logRequest.ts";
import type { Door } from "./openDoor.ts";
import { readDatabasePosition } from "./readDatabasePosition.ts";
import { identifyRequest } from "./requestId.ts";
import { setSecurityHeaders } from "./securityHeaders.ts";
import type { SlowRefusals } from "./slowRefusals.ts";

interface AppParts {
  door: Door;
  /** Where webhooks are stored. */
  pool: Pool;
  identities: WeakMap<object, Identity>;
  limits: Limits;
  recorder: RequestRecorder;
  refusals: SlowRefusals;
}

const WEBHOOKS_PATH = "/webhooks";
/** As `app_public.create_export_link` says it. */
const EXPORTS_PATH = "/exports";

/** What a request passes before GraphQL sees it, and the webhooks, which GraphQL never sees. */
export async function makeApp(
  config: Config,
  { door, pool, identities, limits, recorder, refusals }: AppParts,
): Promise<Express> {
  const { api } = config;
  const app = express();
  app.disable("x-powered-by");
  app.set("trust proxy", [...api.trustedProxies]);
  app.use(identifyRequest, openSpan, makeLogRequest(recorder), refusals.prepare, setSecurityHeaders);
  app.use(
    GRAPHQL_PATH,
    makeAllowOrigins(api.corsOrigins),
    assertGraphqlRequest,
    makeAuthenticateRequest(door, identities),
    limits.requests.chargeArrival,
    readDatabasePosition,
    ...makeReadGraphqlRequest(limits.api.documents, MAXIMUM_BODY_BYTES),
  );
  app.use(WEBHOOKS_PATH, await makeWebhooks(config, { pool, maximumBytes: MAXIMUM_BODY_BYTES }));
  app.use(EXPORTS_PATH, limits.requests.chargeArrival, makeExports(config, { pool, door }));
  return app;
}
