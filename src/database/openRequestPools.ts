import type { Pool } from "pg";
import type { Logger } from "pino";

import type { DatabaseConfig } from "../config.ts";
import { FEATURE_NOT_SUPPORTED } from "../errors/sqlStates.ts";
import type { ReleaseList } from "../ReleaseList.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { connectionEvents } from "../telemetry/observeGateway.ts";
import { ConnectionGate } from "./ConnectionGate.ts";
import { makePool } from "./makePool.ts";
import { DEPTH, SharedConnections } from "./pipelined/SharedConnections.ts";
import { ShortReads } from "./pipelined/ShortReads.ts";
import { StatementTimes } from "./pipelined/StatementTimes.ts";
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

/** Milliseconds. Requests bring their own, see requestConnections.ts. */
const CHECK_DEADLINE = 10_000;
const CHECK_CONNECTIONS = 2;
const WAITING_PER_CONNECTION = 20;

/** Makes the gateway's pools; none connects before it is asked. */
export function openRequestPools(config: DatabaseConfig, parts: PoolParts): RequestPools {
  const { url, logger, metrics, releases } = parts;
  const open = (max: number, applicationName: string, statementDeadline: number | null) => {
    const opened = makePool(url, { max, applicationName, statementDeadline }, logger);
    releases.add(() => opened.end());
    return opened;
  };
  const makeGate = (places: number, connections: number) =>
    new ConnectionGate(
      { places, patience: config.gatewayPoolWait, maximumWaiting: connections * WAITING_PER_CONNECTION },
      (refusal) => metrics.refusals.inc({ reason: `database_${refusal}` }),
    );
  const { gatewayPoolSize, gatewaySharedConnections: sharedSize, preparedStatements: preparedLimit } = config;
  const events = connectionEvents(metrics);
  const times = new StatementTimes();
  const applicationName = "bailiwick-shared";
  const shared = new SharedConnections({
    url,
    applicationName,
    preparedLimit,
    times,
    logger,
    size: sharedSize,
    onStalePlan: () => events.onRetry(FEATURE_NOT_SUPPORTED),
  });
  releases.add(() => shared.close());
  const gate = makeGate(sharedSize * DEPTH, sharedSize);
  const pool = open(gatewayPoolSize, "bailiwick-gateway", null);
  return {
    pool,
    shared,
    requests: {
      pool,
      preparedLimit,
      events,
      gate: makeGate(gatewayPoolSize, gatewayPoolSize),
      shortReads: new ShortReads({ connections: shared, times, gate, events }),
    },
    checkPool: open(CHECK_CONNECTIONS, "bailiwick-checks", CHECK_DEADLINE),
  };
}
