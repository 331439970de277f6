import type { Pool } from "pg";
import type { Logger } from "pino";

import type { DatabaseConfig } from "../config.ts";
import { FEATURE_NOT_SUPPORTED } from "../errors/sqlStates.ts";
import type { ReleaseList } from "../ReleaseList.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { connectionEvents } from "../telemetry/observeGateway.ts";
import { ConnectionGate } from "./ConnectionGate.ts";
import { makePool, type PoolOptions } from "./makePool.ts";
import { DEPTH, SharedConnections } from "./pipelined/SharedConnections.ts";
import { ShortReads } from "./pipelined/ShortReads.ts";
import { StatementTimes } from "./pipelined/StatementTimes.ts";
import { openReplicas } from "./replicas/openReplicas.ts";
import type { RequestConnectionParts } from "./requestConnections.ts";

export interface RequestPools {
  /** For what asks by itself beside the API, such as signing in. */
  pool: Pool;
  requests: RequestConnectionParts;
  shared: SharedConnections;
  /** For whoever asks how the database does: never stands in the line of requests. */
  checkPool: Pool;
}

interface PoolParts {
  url: string;
  logger: Logger;
  metrics: Metrics;
  releases: ReleaseList;
}

/** A pool that ends with the others. */
export type OpenPool = (url: string, options: PoolOptions) => Pool;

/** Milliseconds. Requests bring their own, see requestConnections.ts. */
const CHECK_DEADLINE = 10_000;
const CHECK_CONNECTIONS = 2;
const WAITING_PER_CONNECTION = 20;

/** Makes the gateway's pools; none connects before it is asked, except to replicas. */
export function openRequestPools(config: DatabaseConfig, parts: PoolParts): RequestPools {
  const { url, logger, metrics, releases } = parts;
  const open: OpenPool = (at, { max, applicationName, statementDeadline = null }) => {
    const opened = makePool(at, { max, applicationName, statementDeadline }, logger);
    releases.add(() => opened.end());
    return opened;
  };
  const { shared, ...requests } = openServer(config, { ...parts, open });
  const checkPool = open(url, {
    max: CHECK_CONNECTIONS,
    applicationName: "bailiwick-checks",
    statementDeadline: CHECK_DEADLINE,
  });
  const openReads = (replicaUrl: string) => openServer(config, { ...parts, url: replicaUrl, open });
  const replicas = openReplicas(config.replicas, { url, metrics, releases, open, openReads });
  return { pool: requests.pool, shared, requests: { ...requests, replicas }, checkPool };
}

type ServerParts = PoolParts & { open: OpenPool };

/** What requests run on at one server: connections of their own, and those that short reads share. */
function openServer(
  config: DatabaseConfig,
  { url, logger, metrics, releases, open }: ServerParts,
): RequestConnectionParts & { shared: SharedConnections } {
  const makeGate = (places: number, connections: number) =>
    new ConnectionGate(
      { places, patience: config.gatewayPoolWait, maximumWaiting: connections * WAITING_PER_CONNECTION },
      (refusal) => metrics.refusals.inc({ reason: `database_${refusal}` }),
    );
  const { gatewayPoolSize, gatewaySharedConnections: sharedSize, preparedStatements: preparedLimit } = config;
  const events = connectionEvents(metrics);
  const times = new StatementTimes();
  const shared = new SharedConnections({
    url,
    applicationName: "bailiwick-shared",
    preparedLimit,
    times,
    logger,
    size: sharedSize,
    onStalePlan: () => events.onRetry(FEATURE_NOT_SUPPORTED),
  });
  releases.add(() => shared.close());
  const sharedGate = makeGate(sharedSize * DEPTH, sharedSize);
  return {
    pool: open(url, { max: gatewayPoolSize, applicationName: "bailiwick-gateway" }),
    shared,
    preparedLimit,
    events,
    gate: makeGate(gatewayPoolSize, gatewayPoolSize),
    shortReads: new ShortReads({ connections: shared, times, gate: sharedGate, events }),
  };
}
