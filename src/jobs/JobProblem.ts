/** Why a job did not do what it was for; docs/jobs.md says what to do about each. */
export const JOB_PROBLEMS = {
  invalid_payload: "The job was given something else than it needs.",
  actor_denied: "The person it was for may not act in the organization any more.",
  not_ready: "What the job needs was not there.",
  unavailable: "A service that the job needs did not answer.",
  refused: "A service that the job needs refused.",
  timeout: "The job took longer than it may.",
  lock_lost: "Another worker has taken the job over.",
  stopped: "The worker had to stop before the job was done.",
  worker_lost: "Each worker that had the job ended before the job did.",
  failed: "The job failed; the log of the worker says more under the job's id.",
} as const;

export type JobProblemCode = keyof typeof JOB_PROBLEMS;

/** A job's failure in words that may be stored and shown: a message holds ids and names of the program, no values of records. */
export class JobProblem extends Error {
  override readonly name = "JobProblem";
  readonly code: JobProblemCode;
  /** Trying again would change nothing: the job is parked at once. */
  readonly isFinal: boolean;

  constructor(
    code: JobProblemCode,
    message: string = JOB_PROBLEMS[code],
    { isFinal = false, ...options }: ErrorOptions & { isFinal?: boolean } = {},
  ) {
    super(message, options);
    this.code = code;
    this.isFinal = isFinal;
  }
}
