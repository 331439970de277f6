import type { Pool } from "pg";

import { withPgSettings } from "./withTenant.ts";

/** How the installation does as a whole. Seconds are null where there is nothing to count from. */
export interface OperationalState {
  /** Since a worker last said that it is alive; null when none is expected. */
  workerSilentSeconds: number | null;
  /** Age of the oldest audit event that no seal covers; null when nothing was ever sealed. */
  auditUnsealedSeconds: number | null;
  jobsWaiting: number;
  jobsRunning: number;
  jobsFailed: number;
  /** Dead letters that nobody has settled. */
  jobsParked: number;
  oldestJobSeconds: number;
}

/** Milliseconds for which an answer is given again: several metrics and checks come out of one. */
const FRESH_FOR = 1000;

/**
 * @param pool connections of the gateway's login role.
 * @returns what reads the state, at most once a second.
 */
export function makeReadOperationalState(pool: Pool): () => Promise<OperationalState> {
  let known: { state: Promise<OperationalState>; since: number } | undefined;
  return () => {
    if (known === undefined || performance.now() - known.since > FRESH_FOR) {
      known = { state: readState(pool), since: performance.now() };
    }
    return known.state;
  };
}

function readState(pool: Pool): Promise<OperationalState> {
  return withPgSettings(pool, { role: "app_anonymous" }, async (client) => {
    const { rows } = await client.query<OperationalState>(`\
select
  s.worker_silent_seconds as "workerSilentSeconds",
  s.audit_unsealed_seconds as "auditUnsealedSeconds",
  s.jobs_waiting as "jobsWaiting",
  s.jobs_running as "jobsRunning",
  s.jobs_failed as "jobsFailed",
  s.jobs_parked as "jobsParked",
  s.oldest_job_seconds as "oldestJobSeconds"
from app_hidden.operational_state() s`);
    if (!rows[0]) {
      throw new Error("app_hidden.operational_state() must return a row; it returned none.");
    }
    return rows[0];
  });
}
