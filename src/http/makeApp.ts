import type { ServerResponse } from "node:http";

import express, { type Express } from "express";

import type { Identity } from "../auth/authenticate.ts";
import type { Config } from "../config.ts";
import { makeExports } from "../exports/serveExports.ts";
import type { LinkConnections } from "../exports/takeFile.ts";
import type { Limits } from "../limits/openLimits.ts";
import { GRAPHQL_PATH, MAXIMUM_BODY_BYTES } from "../preset.ts";
import { makeWebhooks } from "../webhooks/receiveWebhooks.ts";
import type { Admission } from "./Admission.ts";
import { makeAllowOrigins } from "./allowOrigins.ts";
import { makeAuthenticateRequest } from "./authenticateRequest.ts";
import { assertGraphqlRequest, makeReadGraphqlRequest } from "./graphqlRequest.ts";
import { makeLogRequest, openSpan, type RequestRecorder } from "./logRequest.ts";
import { makeNoteRequestClient } from "./noteRequestClient.ts";
import type { Door } from "./openDoor.ts";
import { readDatabasePosition } from "./readDatabasePosition.ts";
import { identifyRequest } from "./requestId.ts";
import { setSecurityHeaders } from "./securityHeaders.ts";
import type { SlowRefusals } from "./slowRefusals.ts";
import { makeTakeTurn } from "./takeTurn.ts";
import type { TenantTurns } from "./TenantTurns.ts";

interface AppParts {
  admission: Admission;
  door: Door;
  /** Where webhooks are stored, and links to files are looked up. */
  requests: LinkConnections;
  identities: WeakMap<object, Identity>;
  limits: Limits;
  recorder: RequestRecorder;
  refusals: SlowRefusals;
  turns: TenantTurns;
}

const WEBHOOKS_PATH = "/webhooks";
/** As `app_private.make_export_link` says it. */
const EXPORTS_PATH = "/exports";

/** Browsers ask for it beside the explorer; there is none. */
const ICON_PATH = "/favicon.ico";

/** What a request passes before GraphQL sees it, and the webhooks, which GraphQL never sees. */
export async function makeApp(
  config: Config,
  { admission, door, requests, identities, limits, recorder, refusals, turns }: AppParts,
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
    makeNoteRequestClient(door.noteClient, identities),
    makeTakeTurn(turns),
    readDatabasePosition,
    ...makeReadGraphqlRequest(limits.api.documents, MAXIMUM_BODY_BYTES),
  );
  app.use(
    WEBHOOKS_PATH,
    await makeWebhooks(config, { pool: requests.pool, maximumBytes: MAXIMUM_BODY_BYTES }),
    // What is signed is never counted: nobody can spend what the provider needs.
    limits.requests.chargeMistake,
  );
  const leave = (response: ServerResponse) => admission.leave(response);
  app.use(
    EXPORTS_PATH,
    limits.requests.chargeArrival,
    makeExports(config, { connections: requests, door, leave }),
  );
  if (api.isExplorerServed) {
    app.get(ICON_PATH, (_request, response) => void response.status(204).end());
  }
  return app;
}
