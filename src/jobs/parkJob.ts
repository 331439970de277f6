import type { JobHelpers } from "graphile-worker";

import type { JobProblem } from "./JobProblem.ts";
import { inJobTransaction } from "./jobTransaction.ts";

/** Milliseconds; one insert. */
const TIMEOUT = 10_000;

const PARK = "select app_hidden.park_job($1::bigint, $2, $3) as parked";

/**
 * Puts a job that is given up into `job_dead_letters`, with its reason. Whoever calls it lets the job end afterwards; should the worker
 * die in between, the job runs and is parked again, and stays one dead letter.
 */
export async function parkJob(helpers: JobHelpers, problem: JobProblem): Promise<void> {
  const options = { settings: {}, signal: AbortSignal.timeout(TIMEOUT), endsAt: Date.now() + TIMEOUT };
  await inJobTransaction(helpers, options, (client) =>
    client.query(PARK, [helpers.job.id, problem.code, problem.message]),
  );
}
