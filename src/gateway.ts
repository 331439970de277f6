import { createServer } from "node:http";

import express, { type Express } from "express";
import { grafserv } from "grafserv/express/v4";
import { makeSchema } from "graphile-build";
import type { Pool } from "pg";
import type { Logger } from "pino";
import { makePgService, PgSubscriber } from "postgraphile/adaptors/pg";

import { type BootCheck, makeBootCheck } from "./access/bootCheck.ts";
import { type Authenticate, type Identity, makeAuthenticate } from "./auth/authenticate.ts";
import { pgSettings } from "./auth/pgSettings.ts";
import { signToken } from "./auth/signToken.ts";
import { makeVerifyToken } from "./auth/verifyToken.ts";
import type { Config } from "./config.ts";
import { isSchemaCurrent } from "./database/isSchemaCurrent.ts";
import { makePool } from "./database/makePool.ts";
import { makeMaskError } from "./errors/maskError.ts";
import { type ReadinessCheck, startAdminServer } from "./http/adminServer.ts";
import { makeAllowOrigins } from "./http/allowOrigins.ts";
import { makeAuthenticateRequest } from "./http/authenticateRequest.ts";
import { assertGraphqlRequest, makeReadGraphqlRequest } from "./http/graphqlRequest.ts";
import { listen, makeHttpServerLimits } from "./http/listen.ts";
import { makeRefuseRequest, refuseUnknownPath } from "./http/refusals.ts";
import { acceptRequestId, identifyRequest } from "./http/requestId.ts";
import { setSecurityHeaders } from "./http/securityHeaders.ts";
import { attachWebsockets } from "./http/websocketServer.ts";
import { type CredentialBox, makeCredentialBox, parseIntegrationKeys } from "./integrations/credentials.ts";
import { type Limits, openLimits } from "./limits/openLimits.ts";
import {
  EXPOSED_SCHEMAS,
  GRAPHQL_PATH,
  INTROSPECTION_SETTINGS,
  makePreset,
  MAXIMUM_BODY_BYTES,
} from "./preset.ts";
import { ReleaseList } from "./ReleaseList.ts";

export interface GatewayDependencies {
  /** Connection of the gateway's login role, which may do nothing but become a request's role. */
  url: string;
  logger: Logger;
  /** What else `/ready` asks, for example whether the worker of the same process runs. */
  checks?: Readonly<Record<string, ReadinessCheck>>;
}

export interface RunningGateway {
  /** Where the explorer is; the API is at `/graphql` below it. */
  url: string;
  /** Where `/live` and `/ready` are. */
  adminUrl: string;
  /** Builds the API anew from the database. If that fails, it rejects and the schema of before keeps serving. */
  reload(): Promise<void>;
  /** Ends websockets and running requests, then every connection to the database. */
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
  { url, logger: parentLogger, checks = {} }: GatewayDependencies,
  releases: ReleaseList,
): Promise<RunningGateway> {
  const logger = parentLogger.child({ scope: "gateway" });
  const authenticate = makeAuthenticate(makeVerifyToken(config.auth));
  const pool = makePool(
    url,
    { max: config.database.gatewayPoolSize, applicationName: "bailiwick-gateway" },
    logger,
  );
  releases.add(() => pool.end());
  const identities = new WeakMap<object, Identity>();
  const parts = { pool, url, logger, identities, releases };
  const limits = openLimits(config, parts);
  const preset = makeGatewayPreset(config, { ...parts, ...limits.api });

  const bootCheck = makeBootCheck(pool, logger);
  const [{ schema, resolvedPreset }] = await Promise.all([makeSchema(preset), bootCheck.assertProtected()]);
  const graphql = grafserv({ preset: resolvedPreset, schema });
  releases.add(() => graphql.release());
  await graphql.ready();

  const app = makeApp(config, { authenticate, identities, limits });
  const server = createServer(makeHttpServerLimits(), app);
  await graphql.addTo(app, server, false);
  app.use(refuseUnknownPath, limits.requests.chargeRefusal, makeRefuseRequest(logger));

  const listening = await listen(server, config.http);
  releases.add(listening.close);
  const websockets = attachWebsockets(server, graphql, {
    authenticate,
    identities,
    documents: limits.api.documents,
    path: GRAPHQL_PATH,
    origins: config.api.corsOrigins,
    maximumMessageBytes: MAXIMUM_BODY_BYTES,
    chargeMessage: limits.requests.chargeMessage,
  });
  releases.add(websockets.close);
  const admin = await startAdminServer(
    { host: config.http.host, port: config.http.adminPort },
    { ...ownChecks(pool, bootCheck), ...checks },
  );
  releases.add(admin.close);

  return {
    url: listening.url,
    adminUrl: admin.url,
    async reload() {
      const next = await makeSchema(preset);
      await graphql.setPreset(next.resolvedPreset);
      graphql.setSchema(next.schema);
    },
    close: () => releases.releaseAll(),
  };
}

interface AppParts {
  authenticate: Authenticate;
  identities: WeakMap<object, Identity>;
  limits: Limits;
}

/** What a request passes before GraphQL sees it. */
function makeApp({ api }: Config, { authenticate, identities, limits }: AppParts): Express {
  const app = express();
  app.disable("x-powered-by");
  app.set("trust proxy", [...api.trustedProxies]);
  app.use(identifyRequest, setSecurityHeaders);
  app.use(
    GRAPHQL_PATH,
    makeAllowOrigins(api.corsOrigins),
    assertGraphqlRequest,
    makeAuthenticateRequest(authenticate, identities),
    limits.requests.chargeArrival,
    ...makeReadGraphqlRequest(limits.api.documents, MAXIMUM_BODY_BYTES),
  );
  return app;
}

export interface PresetParts {
  pool: Pool;
  url: string;
  logger: Logger;
  identities: WeakMap<object, Identity>;
  releases: ReleaseList;
  limits: Limits["api"]["limits"];
  documents: Limits["api"]["documents"];
}

/** The API as a gateway serves it; also for what walks through it without a server. */
export function makeGatewayPreset(
  config: Config,
  { pool, url, logger, identities, releases, limits, documents }: PresetParts,
): GraphileConfig.Preset {
  // A connection of its own: it is kept for as long as somebody listens, and must not be missing for requests.
  const listenPool = makePool(url, { max: 1, applicationName: "bailiwick-listen" }, logger);
  const pgSubscriber = new PgSubscriber(listenPool);
  releases.add(async () => {
    pgSubscriber.release();
    await listenPool.end();
  });
  const pgService = makePgService({
    pool,
    pgSubscriber,
    schemas: EXPOSED_SCHEMAS,
    pgSettingsForIntrospection: INTROSPECTION_SETTINGS,
  });
  const nobody = { organizationId: null, clinicId: null, purposeOfUse: null };
  const { isExplorerServed, isSchemaShown } = config.api;
  return makePreset(
    { isExplorerServed },
    {
      pgService,
      // A request that did not pass through authentication has no identity here and gets that of nobody.
      settingsOf: ({ node, ws }) =>
        identities.get(node?.req ?? ws?.socket ?? pgService)?.settings ??
        pgSettings(null, nobody, acceptRequestId(undefined)),
      maskError: makeMaskError(logger, { isSchemaShown }),
      signToken: (subject) => signToken(config.auth, subject),
      credentials: makeCredentials(config.integrations),
      documents,
      limits,
    },
  );
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
