import type { Pool } from "pg";
import type { Logger } from "pino";

import type { DatabaseConfig } from "../config.ts";
import type { ReleaseList } from "../ReleaseList.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { ConnectionGate } from "./ConnectionGate.ts";
import { makePool } from "./makePool.ts";

export interface RequestPools {
  /** For requests, who go through the gate. */
  pool: Pool;
  gate: ConnectionGate;
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
export function openRequestPools(
  { gatewayPoolSize, gatewayPoolWait }: DatabaseConfig,
  { url, logger, metrics, releases }: PoolParts,
): RequestPools {
  const open = (max: number, applicationName: string, statementDeadline: number | null) => {
    const pool = makePool(url, { max, applicationName, statementDeadline }, logger);
    releases.add(() => pool.end());
    return pool;
  };
  const limits = {
    places: gatewayPoolSize,
    patience: gatewayPoolWait,
    maximumWaiting: gatewayPoolSize * WAITING_PER_CONNECTION,
  };
  return {
    pool: open(gatewayPoolSize, "bailiwick-gateway", null),
    gate: new ConnectionGate(limits, (refusal) => metrics.refusals.inc({ reason: `database_${refusal}` })),
    checkPool: open(CHECK_CONNECTIONS, "bailiwick-checks", CHECK_DEADLINE),
  };
}
