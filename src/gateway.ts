import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

import { grafserv } from "grafserv/express/v4";
import { makeSchema } from "graphile-build";
import { resolvePreset } from "graphile-config";
import type { GraphQLSchema } from "graphql";
import type { Pool } from "pg";
import type { Logger } from "pino";

import { type BootCheck, makeBootCheck } from "./access/bootCheck.ts";
import { openEventRecorder } from "./audit/eventRecorder.ts";
import type { Identity } from "./auth/authenticate.ts";
import type { Config } from "./config.ts";
import { isSchemaCurrent } from "./database/isSchemaCurrent.ts";
import { openRequestPools } from "./database/openRequestPools.ts";
import { makeGatewayPreset } from "./gatewayPreset.ts";
import { type AdminDependencies, type ReadinessCheck, startAdminServer } from "./http/adminServer.ts";
import type { Admission } from "./http/Admission.ts";
import { listen, type Listening, makeHttpServerLimits } from "./http/listen.ts";
import { makeRequestRecorder } from "./http/logRequest.ts";
import { makeApp } from "./http/makeApp.ts";
import { openCrowdControl } from "./http/openCrowdControl.ts";
import { openDoor } from "./http/openDoor.ts";
import type { RefusalPace } from "./http/RefusalPace.ts";
import { makeRefuseRequest, refuseUnknownPath } from "./http/refusals.ts";
import { attachWebsockets, type Websockets } from "./http/websocketServer.ts";
import { openLimits } from "./limits/openLimits.ts";
import { GRAPHQL_PATH, MAXIMUM_BODY_BYTES } from "./preset.ts";
import { ReleaseList } from "./ReleaseList.ts";
import { loadSchemaFile } from "./schemaFile/loadSchemaFile.ts";
import { logLibraryConsole } from "./telemetry/logLibraryConsole.ts";
import { makeMetrics, type Metrics } from "./telemetry/metrics.ts";
import { observeGateway } from "./telemetry/observeGateway.ts";
import { makePseudonym } from "./telemetry/pseudonyms.ts";

export interface GatewayDependencies {
  /** Connection of the gateway's login role, which may do nothing but become a request's role. */
  url: string;
  logger: Logger;
  /** What else `/ready` asks, for example whether the worker of the same process runs. */
  checks?: Readonly<Record<string, ReadinessCheck>>;
  /** Answers what is asked of `ADMIN_PORT` where this process does not listen there itself; gives the address. */
  answerAdmin?: (dependencies: AdminDependencies) => Listening;
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

/** Without its replicas a gateway does all the same, on the primary. */
const ALWAYS_ADVISORY = ["replicas"];

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
  { url, logger: parentLogger, checks = {}, answerAdmin, metrics = makeMetrics() }: GatewayDependencies,
  releases: ReleaseList,
): Promise<RunningGateway> {
  const logger = parentLogger.child({ scope: "gateway" });
  releases.add(logLibraryConsole(logger));
  const identities = new WeakMap<object, Identity>();
  const pools = openRequestPools(config.database, { url, logger, metrics, releases });
  const parts = { pool: pools.pool, url, logger, metrics, identities, releases };
  const limits = openLimits(config, parts);
  const pseudonym = makePseudonym(config);
  const operationNames = limits.api.documents.operationNames();
  const recorder = makeRequestRecorder({ logger, metrics, pseudonym, operationNames });
  const bootCheck = makeBootCheck(pools.checkPool, logger);
  const service = {
    connections: pools.requests,
    metrics,
    recorder,
    events: openEventRecorder(config, parts),
  };
  const load = () => loadSchemaFile(config.api.schemaFile, { pool: pools.checkPool, logger });
  const preset = makeGatewayPreset(config, { ...parts, ...limits.api, service });
  const api = await buildApi(preset, { isSafe: bootCheck.assertProtected, load, releases });
  const door = await openDoor(config, { ...parts, replicas: pools.requests.replicas });

  const crowd = openCrowdControl(config.http, metrics);
  const { admission, refusals } = crowd;
  const app = await makeApp(config, { ...pools, ...crowd, door, identities, limits, recorder });
  const server = createServer(makeHttpServerLimits(), admission.guard(app));
  await api.graphql.addTo(app, server, false);
  app.use(refuseUnknownPath, limits.requests.chargeRefusal, refusals.delay, makeRefuseRequest(logger));

  const websockets = attachWebsockets(server, api.graphql, {
    ...door,
    identities,
    documents: limits.api.documents,
    path: GRAPHQL_PATH,
    origins: config.api.corsOrigins,
    maximumMessageBytes: MAXIMUM_BODY_BYTES,
    places: crowd.places,
    ...limits.requests,
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
    answerAdmin,
    releases,
  });
  const listening = await listen(server, config.http);
  releases.add(listening.close);
  releases.add(() => drain({ ...crowd, websockets }, config.http.drainDelay));

  return { url: listening.url, adminUrl, reload: api.reload, close: () => releases.releaseAll() };
}

/** Says that nothing new is wanted, and sends websockets elsewhere when balancers have had time to notice. */
async function drain(
  { admission, pace, websockets }: { admission: Admission; pace: RefusalPace; websockets: Websockets },
  delay: number,
): Promise<void> {
  admission.drain();
  pace.end();
  await sleep(delay);
  // Not before: clients come back at once, and must find another instance.
  websockets.goAway();
}

interface ApiParts {
  /** Rejects where nothing may be served; asked while the schema is built. */
  isSafe: () => Promise<void>;
  /** Gives the schema where it need not be built. */
  load: () => Promise<GraphQLSchema | null>;
  releases: ReleaseList;
}

async function buildApi(preset: GraphileConfig.Preset, { isSafe, load, releases }: ApiParts) {
  const make = async () => {
    const schema = await load();
    return schema ? { schema, resolvedPreset: resolvePreset(preset) } : makeSchema(preset);
  };
  const [{ schema, resolvedPreset }] = await Promise.all([make(), isSafe()]);
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
  answerAdmin: GatewayDependencies["answerAdmin"];
  releases: ReleaseList;
}

/** Serves before the gateway does and until it has let go of everything, so that whoever asks is told. */
async function serveAdmin(
  { http }: Config,
  { checks, isServing, metrics, answerAdmin, releases }: AdminParts,
): Promise<string> {
  const dependencies = {
    checks,
    isServing,
    advisory: [...http.advisoryChecks, ...ALWAYS_ADVISORY],
    metrics: metrics.text,
  };
  const address = { host: http.host, port: http.adminPort };
  const admin = answerAdmin?.(dependencies) ?? (await startAdminServer(address, dependencies));
  releases.add(admin.close);
  return admin.url;
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
