import { createServer } from "node:http";

import express from "express";
import { grafserv } from "grafserv/express/v4";
import { makeSchema } from "graphile-build";
import type { Pool } from "pg";
import type { Logger } from "pino";
import { makePgService, PgSubscriber } from "postgraphile/adaptors/pg";

import { makeBootCheck } from "./access/bootCheck.ts";
import { type Identity, makeAuthenticate } from "./auth/authenticate.ts";
import { pgSettings } from "./auth/pgSettings.ts";
import { signToken } from "./auth/signToken.ts";
import { makeVerifyToken } from "./auth/verifyToken.ts";
import type { Config } from "./config.ts";
import { makePool } from "./database/makePool.ts";
import { readManifests } from "./documents/readManifests.ts";
import { TrustedDocuments } from "./documents/TrustedDocuments.ts";
import { makeMaskError } from "./errors/maskError.ts";
import { type ReadinessCheck, startAdminServer } from "./http/adminServer.ts";
import { makeAuthenticateRequest } from "./http/authenticateRequest.ts";
import { makeAllowOrigins } from "./http/allowOrigins.ts";
import { makeClientAddress } from "./http/clientAddress.ts";
import {
  assertGraphqlRequest,
  makeReadGraphqlBody,
  makeReadJsonBody,
  readIdempotencyKey,
} from "./http/graphqlRequest.ts";
import { makeLimitRequests } from "./http/limitRequests.ts";
import { listen, makeHttpServerLimits } from "./http/listen.ts";
import { makeRefuseRequest, refuseUnknownPath } from "./http/refusals.ts";
import { currentRequestContext } from "./http/requestContext.ts";
import { acceptRequestId, identifyRequest } from "./http/requestId.ts";
import { setSecurityHeaders } from "./http/securityHeaders.ts";
import { attachWebsockets } from "./http/websocketServer.ts";
import { type CredentialBox, makeCredentialBox, parseIntegrationKeys } from "./integrations/credentials.ts";
import { chargeRequest } from "./limits/chargeRequest.ts";
import { makeFindPayers } from "./limits/findPayers.ts";
import { RateLimiter } from "./limits/RateLimiter.ts";
import { shareUsage } from "./limits/shareUsage.ts";
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
  /** What else `/ready` asks, for example whether migrations are current: the gateway's own role cannot see that. */
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
  const documents = new TrustedDocuments(
    readManifests(config.documents.folder),
    config.documents.isExclusive,
  );
  const limiter = new RateLimiter(config.limits.rate);
  const preset = makeGatewayPreset(config, { pool, url, logger, identities, releases, documents, limiter });

  const bootCheck = makeBootCheck(pool, logger);
  const [{ schema, resolvedPreset }] = await Promise.all([makeSchema(preset), bootCheck.assertProtected()]);
  const graphql = grafserv({ preset: resolvedPreset, schema });
  releases.add(() => graphql.release());
  await graphql.ready();

  const clientAddress = makeClientAddress(config.api.trustedProxies);
  const limits = makeLimitRequests({ limiter, identities, clientAddress, findPayers: makeFindPayers(pool) });
  const app = express();
  app.disable("x-powered-by");
  app.set("trust proxy", [...config.api.trustedProxies]);
  app.use(identifyRequest, setSecurityHeaders);
  app.use(
    GRAPHQL_PATH,
    makeAllowOrigins(config.api.corsOrigins),
    assertGraphqlRequest,
    makeAuthenticateRequest(authenticate, identities),
    limits.chargeArrival,
    readIdempotencyKey,
    makeReadJsonBody(MAXIMUM_BODY_BYTES),
    makeReadGraphqlBody(documents),
  );
  const server = createServer(makeHttpServerLimits(), app);
  await graphql.addTo(app, server, false);
  app.use(refuseUnknownPath, limits.chargeRefusal, makeRefuseRequest(logger));

  const listening = await listen(server, config.http);
  releases.add(listening.close);
  const websockets = attachWebsockets(server, graphql, {
    authenticate,
    identities,
    path: GRAPHQL_PATH,
    maximumMessageBytes: MAXIMUM_BODY_BYTES,
    origins: config.api.corsOrigins,
    documents,
    chargeMessage: limits.chargeMessage,
  });
  releases.add(websockets.close);
  releases.add(shareLimits(limiter, url, logger));
  const admin = await startAdminServer(
    { host: config.http.host, port: config.http.adminPort },
    { database: () => canReach(pool), rowSecurity: bootCheck.isProtected, ...checks },
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

interface PresetParts {
  pool: Pool;
  url: string;
  logger: Logger;
  identities: WeakMap<object, Identity>;
  releases: ReleaseList;
  documents: TrustedDocuments;
  limiter: RateLimiter;
}

function makeGatewayPreset(
  config: Config,
  { pool, url, logger, identities, releases, documents, limiter }: PresetParts,
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
      limits: {
        ...config.limits,
        isSchemaShown,
        isTrusted: (text) => documents.isTrusted(text),
        charge: (points) => chargeRequest(limiter, currentRequestContext()?.payers ?? [], points),
      },
    },
  );
}

/** Limits are shared over a connection of their own: announcements go on while every other one is in use. */
function shareLimits(limiter: RateLimiter, url: string, logger: Logger): () => Promise<void> {
  const pool = makePool(url, { max: 1, applicationName: "bailiwick-limits" }, logger);
  const sharing = shareUsage(limiter, pool, logger);
  return async () => {
    await sharing.close();
    await pool.end();
  };
}

function makeCredentials({ keys }: Config["integrations"]): CredentialBox | null {
  return keys === null ? null : makeCredentialBox(parseIntegrationKeys(keys));
}

async function canReach(pool: Pool): Promise<boolean> {
  await pool.query("select 1");
  return true;
}
