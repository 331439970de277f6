import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

import express, { type Express } from "express";
import { grafserv } from "grafserv/express/v4";
import { makeSchema } from "graphile-build";
import type { Pool } from "pg";
import type { Logger } from "pino";
import { makePgService } from "postgraphile/adaptors/pg";

import { makeObserveOperationsPlugin } from "../plugins/ObserveOperationsPlugin.ts";
import { type BootCheck, makeBootCheck } from "./access/bootCheck.ts";
import { type Authenticate, type Identity, makeAuthenticate } from "./auth/authenticate.ts";
import { pgSettings } from "./auth/pgSettings.ts";
import { signToken } from "./auth/signToken.ts";
import { makeVerifyToken } from "./auth/verifyToken.ts";
import type { Config } from "./config.ts";
import type { ConnectionGate } from "./database/ConnectionGate.ts";
import { isSchemaCurrent } from "./database/isSchemaCurrent.ts";
import { makePool } from "./database/makePool.ts";
import { openRequestPools } from "./database/openRequestPools.ts";
import { ReliableSubscriber } from "./database/ReliableSubscriber.ts";
import { makeRequestConnections } from "./database/requestConnections.ts";
import { makeMaskError } from "./errors/maskError.ts";
import { type ReadinessCheck, startAdminServer } from "./http/adminServer.ts";
import { Admission } from "./http/Admission.ts";
import { makeAuthenticateRequest } from "./http/authenticateRequest.ts";
import { assertGraphqlBody, assertGraphqlRequest, makeReadJsonBody } from "./http/graphqlRequest.ts";
import { listen, makeHttpServerLimits } from "./http/listen.ts";
import { makeLogRequest, makeRequestRecorder, openSpan, type RequestRecorder } from "./http/logRequest.ts";
import { makeRefuseRequest, refuseUnknownPath } from "./http/refusals.ts";
import { acceptRequestId, identifyRequest } from "./http/requestId.ts";
import { setSecurityHeaders } from "./http/securityHeaders.ts";
import { attachWebsockets } from "./http/websocketServer.ts";
import { type CredentialBox, makeCredentialBox, parseIntegrationKeys } from "./integrations/credentials.ts";
import {
  EXPOSED_SCHEMAS,
  GRAPHQL_PATH,
  INTROSPECTION_SETTINGS,
  makePreset,
  MAXIMUM_BODY_BYTES,
} from "./preset.ts";
import { ReleaseList } from "./ReleaseList.ts";
import { makeMetrics, type Metrics } from "./telemetry/metrics.ts";
import { connectionEvents, observeGateway } from "./telemetry/observeGateway.ts";
import { makePseudonym } from "./telemetry/pseudonyms.ts";

/** Milliseconds. */
const LISTEN_DEADLINE = 5_000;

export interface GatewayDependencies {
  /** Connection of the gateway's login role, which may do nothing but become a request's role. */
  url: string;
  logger: Logger;
  /** What else `/ready` asks, for example whether the worker of the same process runs. */
  checks?: Readonly<Record<string, ReadinessCheck>>;
  /** Shared with others of the same process; a gateway alone has its own. */
  metrics?: Metrics;
}

export interface RunningGateway {
  /** Where the explorer is; the API is at `/graphql` below it. */
  url: string;
  /** Where `/live`, `/ready` and `/metrics` are. */
  adminUrl: string;
  /** Builds the API anew from the database. If that fails, it rejects and the schema of before keeps serving. */
  reload(): Promise<void>;
  /**
   * Says that it is not ready, goes on serving until balancers have noticed (`drainDelay`), then lets running requests end,
   * closes websockets, and lastly every connection to the database.
   */
  close(): Promise<void>;
}

/** Starts the GraphQL server and the admin server. Rejects if a port is taken or the database cannot be read. */
export async function startGateway(
  config: Config,
  dependencies: GatewayDependencies,
): Promise<RunningGateway> {
  const releases = new ReleaseList();
  try {
    return await start(config, dependencies, releases);
  } catch (error) {
    await releases.releaseAll();
    throw error;
  }
}

async function start(
  config: Config,
  { url, logger: parentLogger, checks = {}, metrics = makeMetrics() }: GatewayDependencies,
  releases: ReleaseList,
): Promise<RunningGateway> {
  const logger = parentLogger.child({ scope: "gateway" });
  const authenticate = makeAuthenticate(makeVerifyToken(config.auth));
  const identities = new WeakMap<object, Identity>();
  const recorder = makeRequestRecorder({
    logger,
    metrics,
    pseudonym: makePseudonym(config),
    operationNames: new Set(),
  });
  const pools = openRequestPools(config.database, { url, logger, metrics, releases });
  const bootCheck = makeBootCheck(pools.checkPool, logger);
  const api = await buildApi(
    makeGatewayPreset(config, {
      pool: pools.pool,
      url,
      logger,
      identities,
      releases,
      service: { gate: pools.gate, metrics, recorder },
    }),
    { isSafe: bootCheck.assertProtected, releases },
  );

  const admission = new Admission(config.http.maximumConcurrent, () =>
    metrics.refusals.inc({ reason: "overload" }),
  );
  const app = makeApp({ authenticate, identities, recorder });
  const server = createServer(makeHttpServerLimits(), admission.guard(app));
  await api.graphql.addTo(app, server, false);
  app.use(refuseUnknownPath, makeRefuseRequest(logger));

  const websockets = attachWebsockets(server, api.graphql, {
    authenticate,
    identities,
    path: GRAPHQL_PATH,
    maximumMessageBytes: MAXIMUM_BODY_BYTES,
  });
  releases.add(websockets.close);
  const adminUrl = await serveAdmin(config, {
    checks: {
      ...ownChecks(pools.checkPool, bootCheck),
      ...observeGateway(metrics, { ...pools, admission, countSockets: websockets.count }),
      ...checks,
    },
    isServing: () => !admission.isDraining,
    metrics,
    releases,
  });
  const listening = await listen(server, config.http);
  releases.add(listening.close);
  releases.add(async () => {
    admission.drain();
    await sleep(config.http.drainDelay);
    // Not before: clients come back at once, and must find another instance.
    websockets.goAway();
  });

  return { url: listening.url, adminUrl, reload: api.reload, close: () => releases.releaseAll() };
}

/** @param isSafe rejects where nothing may be served; asked while the schema is built. */
async function buildApi(
  preset: GraphileConfig.Preset,
  { isSafe, releases }: { isSafe: () => Promise<void>; releases: ReleaseList },
) {
  const [{ schema, resolvedPreset }] = await Promise.all([makeSchema(preset), isSafe()]);
  const graphql = grafserv({ preset: resolvedPreset, schema });
  releases.add(() => graphql.release());
  await graphql.ready();
  const reload = async () => {
    const next = await makeSchema(preset);
    await graphql.setPreset(next.resolvedPreset);
    graphql.setSchema(next.schema);
  };
  return { graphql, reload };
}

interface AdminParts {
  checks: Readonly<Record<string, ReadinessCheck>>;
  isServing: () => boolean;
  metrics: Metrics;
  releases: ReleaseList;
}

/** Serves before the gateway does and until it has let go of everything, so that whoever asks is told. */
async function serveAdmin(
  { http }: Config,
  { checks, isServing, metrics, releases }: AdminParts,
): Promise<string> {
  const admin = await startAdminServer(
    { host: http.host, port: http.adminPort },
    { checks, isServing, advisory: http.advisoryChecks, metrics: metrics.text },
  );
  releases.add(admin.close);
  return admin.url;
}

interface AppParts {
  authenticate: Authenticate;
  identities: WeakMap<object, Identity>;
  recorder: RequestRecorder;
}

/** What a request passes before GraphQL sees it. */
function makeApp({ authenticate, identities, recorder }: AppParts): Express {
  const app = express();
  app.disable("x-powered-by");
  app.use(identifyRequest, openSpan, makeLogRequest(recorder), setSecurityHeaders);
  app.use(
    GRAPHQL_PATH,
    assertGraphqlRequest,
    makeAuthenticateRequest(authenticate, identities),
    makeReadJsonBody(MAXIMUM_BODY_BYTES),
    assertGraphqlBody,
  );
  return app;
}

export interface PresetParts {
  pool: Pool;
  url: string;
  logger: Logger;
  identities: WeakMap<object, Identity>;
  releases: ReleaseList;
  /** What a gateway that serves has besides: without it, connections come from the pool as it is, and nothing is counted. */
  service?: { gate: ConnectionGate; metrics: Metrics; recorder: RequestRecorder };
}

/** The API as a gateway serves it; also for what walks through it without a server. */
export function makeGatewayPreset(
  config: Config,
  { pool, url, logger, identities, releases, service }: PresetParts,
): GraphileConfig.Preset {
  // A connection of its own: it is kept for as long as somebody listens, and must not be missing for requests.
  const listenPool = makePool(
    url,
    { max: 1, applicationName: "bailiwick-listen", statementDeadline: LISTEN_DEADLINE },
    logger,
  );
  const pgSubscriber = new ReliableSubscriber(listenPool);
  releases.add(async () => {
    pgSubscriber.release();
    await listenPool.end();
  });
  const stockService = makePgService({
    pool,
    pgSubscriber,
    schemas: EXPOSED_SCHEMAS,
    pgSettingsForIntrospection: INTROSPECTION_SETTINGS,
  });
  const pgService = service
    ? {
        ...stockService,
        adaptor: {
          makePgService,
          ...makeRequestConnections({ pool, gate: service.gate, events: connectionEvents(service.metrics) }),
        },
      }
    : stockService;
  const nobody = { organizationId: null, clinicId: null, purposeOfUse: null };
  const preset = makePreset(
    { isExplorerServed: config.environment !== "production" },
    {
      pgService,
      // A request that did not pass through authentication has no identity here and gets that of nobody.
      settingsOf: ({ node, ws }) =>
        identities.get(node?.req ?? ws?.socket ?? pgService)?.settings ??
        pgSettings(null, nobody, acceptRequestId(undefined)),
      maskError: makeMaskError(logger),
      signToken: (subject) => signToken(config.auth, subject),
      credentials: makeCredentials(config.integrations),
    },
  );
  const tellsTiming = config.environment === "development";
  return service
    ? { extends: [preset], plugins: [makeObserveOperationsPlugin({ ...service, tellsTiming })] }
    : preset;
}

function makeCredentials({ keys }: Config["integrations"]): CredentialBox | null {
  return keys === null ? null : makeCredentialBox(parseIntegrationKeys(keys));
}

function ownChecks(pool: Pool, bootCheck: BootCheck): Readonly<Record<string, ReadinessCheck>> {
  return {
    database: () => canReach(pool),
    migrations: () => isSchemaCurrent(pool),
    rowSecurity: bootCheck.isProtected,
  };
}

async function canReach(pool: Pool): Promise<boolean> {
  await pool.query("select 1");
  return true;
}
