import type { JobHelpers, Logger } from "graphile-worker";
import type { ClientBase } from "pg";

import { inJobTransaction } from "./jobTransaction.ts";
import { type JobResult, runJob, type TaskLimits } from "./runJob.ts";
import type { SystemJobName } from "./systemJobs.ts";
import { asRecord, claimEffect } from "./tenantTask.ts";

/** One attempt of a job that belongs to no organization. */
export interface SystemJob<Payload> {
  payload: Payload;
  /** The same for each attempt of a job. */
  jobId: string;
  /** Of the request that asked for it; null where none did. */
  requestId: string | null;
  /** Aborted at the task's timeout and when the worker has to stop. */
  signal: AbortSignal;
  logger: Logger;
  /** One transaction as `app_worker` that sees no organization; commits when `work` returns and rolls back when it throws. */
  inSystem<T>(work: (client: ClientBase) => Promise<T>): Promise<T>;
  /** As in `TenantJob`, in the transaction of `inSystem`. */
  claimEffect(client: ClientBase, key: string): Promise<boolean>;
  /** Whether the effect has happened before, without claiming it; for what cannot be in a transaction. */
  hasTakenEffect(client: ClientBase, key: string): Promise<boolean>;
}

export interface SystemTask<Payload> extends TaskLimits {
  parse(payload: Readonly<Record<string, unknown>>): Payload;
  perform(job: SystemJob<Payload>): Promise<JobResult>;
}

async function hasTakenEffect(client: ClientBase, key: string): Promise<boolean> {
  const { rows } = await client.query<{ taken: boolean }>("select app_hidden.has_taken_effect($1) as taken", [
    key,
  ]);
  return rows[0]?.taken === true;
}

/** Makes the task of src/tasks/<name>.ts, for a job of the list in systemJobs.ts. */
export function systemTask<Payload>(
  name: SystemJobName,
  { parse, perform, ...limits }: SystemTask<Payload>,
): (payload: unknown, helpers: JobHelpers) => Promise<void> {
  return (given, helpers) =>
    runJob(helpers, limits, async (context) => {
      const payload = asRecord(given);
      const requestId = typeof payload.requestId === "string" ? payload.requestId : null;
      const settings = {
        "app.organization_id": "",
        "app.current_org_id": "",
        "app.request_id": requestId ?? "",
      };
      return perform({
        payload: parse(payload),
        jobId: helpers.job.id,
        requestId,
        signal: context.signal,
        logger: helpers.logger,
        inSystem: (work) => inJobTransaction(helpers, { ...context, settings }, work),
        claimEffect: (client, key) => claimEffect(client, `${name}:${key}`),
        hasTakenEffect: (client, key) => hasTakenEffect(client, `${name}:${key}`),
      });
    });
}
