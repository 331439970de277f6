import type { ClientBase } from "pg";

export const JOB_STATES = ["waiting", "running", "failed", "exhausted", "parked"] as const;

/** `failed` waits for its next attempt; `exhausted` has none left and is about to be parked. */
export type JobState = (typeof JOB_STATES)[number];

export interface ListedJob {
  /** A number in the queue, a uuid among the dead letters. */
  id: string;
  state: JobState;
  task: string;
  /** Null for a job of the system. */
  organizationId: string | null;
  attempts: number;
  maxAttempts: number | null;
  since: Date;
  /** When it is due; null for a parked one. */
  runAt: Date | null;
  errorCode: string | null;
  reason: string | null;
  /** Ids that the job was given. */
  payload: Record<string, unknown>;
}

export interface JobFilter {
  id?: string | undefined;
  state?: JobState | undefined;
  organizationId?: string | undefined;
  task?: string | undefined;
  limit: number;
}

const LIST = `\
select
  j.id, j.state, j.task, j.organization_id as "organizationId", j.attempts, j.max_attempts as "maxAttempts", j.since,
  j.run_at as "runAt", j.error_code as "errorCode", j.reason, j.payload
from app_hidden.list_jobs() j
where ($1::text is null or j.id = $1)
and ($2::text is null or j.state = $2)
and ($3::uuid is null or j.organization_id = $3)
and ($4::text is null or j.task = $4)
order by j.since, j.id
limit $5`;

/**
 * The jobs that are not done, the oldest first.
 *
 * @param client a connection of `app_worker`.
 */
export async function listJobs(
  client: ClientBase,
  { id, state, organizationId, task, limit }: JobFilter,
): Promise<ListedJob[]> {
  const values = [id ?? null, state ?? null, organizationId ?? null, task ?? null, limit];
  return (await client.query<ListedJob>(LIST, values)).rows;
}
