import type { Job, JobHelpers } from "graphile-worker";

import { redactError } from "../errors/redactError.ts";
import { JobProblem } from "./JobProblem.ts";
import { orAborted } from "./jobTransaction.ts";
import { parkJob } from "./parkJob.ts";

/**
 * What a task may return: that there was nothing to do for it, and why, in words that may be logged. It is a warning, unless
 * it is how most of the task's jobs end.
 */
export type JobResult = void | { nothing: string; isUsual?: true };

export interface TaskLimits {
  /** Milliseconds after which `signal` is aborted and the job counts as failed. */
  timeout: number;
  /** How often the job is tried before it is parked; the pauses grow as e^n seconds, to six hours. 8 unless told. */
  maxAttempts?: number;
}

/** What both kinds of jobs have. */
export interface JobContext {
  /** Aborted at the task's timeout, and when the worker has to stop before the job is done. */
  signal: AbortSignal;
  /** When the job's time is over, in milliseconds since 1970. */
  endsAt: number;
}

export type JobOutcome = "done" | "nothing" | "failed" | "parked" | "lost";

/** What became of a job, for the metrics: graphile-worker tells its listeners of success and failure only. */
export const JOB_OUTCOMES = new WeakMap<Job, JobOutcome>();

const MAX_ATTEMPTS = 8;

/**
 * Runs one attempt of a job: within its time, and with a failure that neither the queue nor the log can learn a value from. A job
 * whose last attempt fails, or for which trying again is of no use, is parked and counts as ended.
 */
export async function runJob(
  helpers: JobHelpers,
  { timeout, maxAttempts = MAX_ATTEMPTS }: TaskLimits,
  perform: (context: JobContext) => Promise<JobResult>,
): Promise<void> {
  const { job, logger } = helpers;
  const timer = new AbortController();
  const endTimer = setTimeout(() => timer.abort(new JobProblem("timeout")), timeout);
  const signal = AbortSignal.any([helpers.abortSignal, timer.signal]);
  const limit = Math.min(maxAttempts, job.max_attempts);
  try {
    // The attempt before was the last one, and its worker died of it: the job is not given to a worker once more.
    if (job.attempts > limit) {
      throw new JobProblem("worker_lost", undefined, { isFinal: true });
    }
    const result = await orAborted(perform({ signal, endsAt: Date.now() + timeout }), signal);
    JOB_OUTCOMES.set(job, result ? "nothing" : "done");
    if (result) {
      logger[result.isUsual ? "info" : "warn"](`${job.task_identifier} did nothing: ${result.nothing}`);
    }
  } catch (error) {
    const problem = describeProblem(error, signal);
    const isTakenAway = problem.code === "lock_lost" || problem.code === "stopped";
    if (isTakenAway || (job.attempts < limit && !problem.isFinal)) {
      JOB_OUTCOMES.set(job, isTakenAway ? "lost" : "failed");
      logger.warn(explain(job, problem, error));
      if (problem.code === "stopped") {
        await giveBackJob(helpers);
      }
      throw problem;
    }
    await parkJob(helpers, problem);
    JOB_OUTCOMES.set(job, "parked");
    logger.error(`${explain(job, problem, error)} It is parked among the dead letters.`);
  } finally {
    clearTimeout(endTimer);
  }
}

/** The attempt that the worker's end has cut off does not count. Fails where the database is gone: then the others take the job. */
async function giveBackJob({ job, query }: JobHelpers): Promise<void> {
  await query("select app_hidden.give_back_job($1::bigint, $2)", [job.id, job.locked_by]);
}

/** Errors quote the data that they are about; what is stored of one is its code and a sentence of ours. */
function describeProblem(error: unknown, signal: AbortSignal): JobProblem {
  if (error instanceof JobProblem) {
    return error;
  }
  if (signal.aborted) {
    return signal.reason instanceof JobProblem ? signal.reason : new JobProblem("stopped");
  }
  const sqlState = sqlStateOf(error);
  return new JobProblem("failed", sqlState === null ? undefined : `Postgres has refused it (${sqlState}).`);
}

function sqlStateOf(error: unknown): string | null {
  const code = error instanceof Error && "severity" in error && "code" in error ? error.code : null;
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) ? code : null;
}

function explain(job: Job, problem: JobProblem, error: unknown): string {
  const said = `${job.task_identifier} failed at attempt ${job.attempts} (${problem.code}): ${problem.message}`;
  return error instanceof JobProblem ? said : `${said} ${JSON.stringify(redactError(error))}`;
}
