import type { Pool } from "pg";

import type { ConnectionEvents } from "../database/exclusiveConnections.ts";
import type { SharedConnections } from "../database/pipelined/SharedConnections.ts";
import { makeReadOperationalState, type OperationalState } from "../database/readOperationalState.ts";
import type { RequestConnectionParts } from "../database/requestConnections.ts";
import type { ReadinessCheck } from "../http/adminServer.ts";
import type { Admission } from "../http/Admission.ts";
import type { Metrics } from "./metrics.ts";
import { observeReplicas } from "./observeReplicas.ts";

/** A worker says every 15 seconds that it is alive: this many seconds of silence are three that did not come. */
const WORKER_SILENCE = 60;
/** Seconds; the sealer comes every few, so that this long means that it does not come at all. */
const AUDIT_LAG = 600;

interface GatewayParts {
  pool: Pool;
  /** Where readiness is asked over: never the one that requests stand in line for. */
  checkPool: Pool;
  requests: RequestConnectionParts;
  shared: SharedConnections;
  admission: Admission;
  countSockets: () => number;
}

/** Counts what happens to connections of requests. */
export function connectionEvents(metrics: Metrics): ConnectionEvents {
  return {
    onRetry: (sqlstate) => metrics.databaseRetries.inc({ sqlstate }),
    onCancel: () => metrics.databaseCancellations.inc(),
    onLease(waited, held) {
      metrics.databaseWaitSeconds.observe(waited / 1000);
      metrics.databaseBusySeconds.observe(held / 1000);
    },
  };
}

/**
 * Registers what is read when somebody looks, and gives the checks that come out of the same numbers: whether a worker is
 * alive where one is expected, and whether the audit is sealed where it was ever sealed.
 */
export function observeGateway(
  metrics: Metrics,
  { pool, checkPool, requests, shared, admission, countSockets }: GatewayParts,
): Record<string, ReadinessCheck> {
  const readState = makeReadOperationalState(checkPool);
  // A database that is away must not take the other figures with it.
  const orNothing = async (pick: (state: OperationalState) => Record<string, number | null>) => {
    const picked = await readState().then(pick, () => ({}));
    return Object.fromEntries(Object.entries(picked).filter(([, value]) => value !== null)) as Record<
      string,
      number
    >;
  };
  metrics.observe("bailiwick_requests_inside", "HTTP requests being served.", () => admission.inside);
  metrics.observe("bailiwick_websockets", "Open websockets.", countSockets);
  metrics.observe(
    "bailiwick_database_waiting",
    "Transactions waiting for a connection.",
    () => requests.gate.waiting + requests.shortReads.waiting,
  );
  metrics.observeEach("bailiwick_database_connections", "Connections for requests.", "state", async () => ({
    idle: pool.idleCount,
    busy: pool.totalCount - pool.idleCount,
    allowed: pool.options.max,
    shared: shared.count,
  }));
  const jobs = () =>
    orNothing((state) => ({
      waiting: state.jobsWaiting,
      running: state.jobsRunning,
      failed: state.jobsFailed,
      parked: state.jobsParked,
    }));
  const lags = () =>
    orNothing((state) => ({
      jobs: state.oldestJobSeconds,
      worker: state.workerSilentSeconds,
      audit: state.auditUnsealedSeconds,
    }));
  // Of the database: every process says the same.
  metrics.observeEach("bailiwick_jobs", "Jobs in the queue.", "state", jobs, "max");
  metrics.observeEach("bailiwick_lag_seconds", "How far behind something is.", "of", lags, "max");
  return {
    ...(requests.replicas && observeReplicas(metrics, requests.replicas.replicas)),
    worker: async () => ((await readState()).workerSilentSeconds ?? 0) < WORKER_SILENCE,
    audit: async () => ((await readState()).auditUnsealedSeconds ?? 0) < AUDIT_LAG,
  };
}
