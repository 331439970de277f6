import { randomUUID } from "node:crypto";

import type { JobHelpers, Logger } from "graphile-worker";
import type { ClientBase } from "pg";

import { isUuid } from "../auth/claims.ts";
import { pgSettings } from "../auth/pgSettings.ts";
import { JobProblem } from "./JobProblem.ts";
import { inJobTransaction } from "./jobTransaction.ts";
import { type JobResult, runJob, type TaskLimits } from "./runJob.ts";

/** One attempt of a job that works for one organization. */
export interface TenantJob<Payload> {
  payload: Payload;
  organizationId: string;
  /** Who asked for it; null where nobody was signed in. */
  actorId: string | null;
  /** Of the request that asked for it; null where none did. */
  requestId: string | null;
  /** Aborted at the task's timeout and when the worker has to stop. Hand it to whatever can wait. */
  signal: AbortSignal;
  logger: Logger;
  /**
   * One transaction as `app_worker` that sees this organization and no other: an id of another tenant is not found, whatever
   * the payload says. Commits when `work` returns, rolls back when it throws, and when another worker has taken the job.
   */
  inTenant<T>(work: (client: ClientBase) => Promise<T>): Promise<T>;
  /**
   * Writes the effect's key in the transaction of `inTenant`, so that both are there or neither. False when the effect has
   * happened before: then leave it. A key is compared within the task and the organization.
   */
  claimEffect(client: ClientBase, key: string): Promise<boolean>;
  /**
   * One transaction as `app_user` with the identity of the job's actor, as the gateway opens it: what it reads is what that
   * person may read at this moment. It takes no effect key: write what came of it with `inTenant`.
   *
   * @throws JobProblem `actor_denied` where the account is closed, or its person has no standing in the organization.
   */
  asPerson<T>(work: (client: ClientBase) => Promise<T>, scope?: PersonScope): Promise<T>;
}

/** What a request says about itself besides who asks. */
export interface PersonScope {
  clinicId?: string | null;
  purposeOfUse?: string | null;
}

export interface TenantTask<Payload> extends TaskLimits {
  /** Reads the task's own part of the payload. Throws `JobProblem("invalid_payload")` with what the task needs. */
  parse(payload: Readonly<Record<string, unknown>>): Payload;
  perform(job: TenantJob<Payload>): Promise<JobResult>;
}

const MAY_ACT = `\
select app_hidden.current_user_id() is not null
and $1::uuid = any (array(select app_hidden.my_organization_ids())) as may_act`;

/** Makes the task of src/tasks/<name>.ts, for jobs that belong to one organization. */
export function tenantTask<Payload>(
  name: string,
  { parse, perform, ...limits }: TenantTask<Payload>,
): (payload: unknown, helpers: JobHelpers) => Promise<void> {
  return (given, helpers) =>
    runJob(helpers, limits, async (context) => {
      const payload = asRecord(given);
      const { organizationId } = payload;
      if (!isUuid(organizationId)) {
        throw invalidPayload(name, "an organizationId that is a uuid", payload);
      }
      const identity = {
        organizationId,
        actorId: isUuid(payload.actorId) ? payload.actorId : null,
        requestId: typeof payload.requestId === "string" ? payload.requestId : null,
      };
      return perform({
        ...identity,
        payload: parse(payload),
        signal: context.signal,
        logger: helpers.logger,
        inTenant: (work) =>
          inJobTransaction(helpers, { ...context, settings: tenantSettings(identity) }, work),
        asPerson: (work, scope) =>
          inJobTransaction(
            helpers,
            { ...context, settings: personSettings(identity, scope) },
            async (client) => {
              await assertMayAct(client, organizationId);
              return work(client);
            },
          ),
        claimEffect: (client, key) => claimEffect(client, `${name}:${key}`),
      });
    });
}

/** The error of a task that was given something else than it needs; names the keys of the payload and no values. */
export function invalidPayload(
  task: string,
  need: string,
  payload: Readonly<Record<string, unknown>>,
): JobProblem {
  const keys = Object.keys(payload).join(", ");
  return new JobProblem("invalid_payload", `${task} needs ${need}; the payload has the keys ${keys}`, {
    isFinal: true,
  });
}

export function asRecord(payload: unknown): Readonly<Record<string, unknown>> {
  return typeof payload === "object" && payload !== null ? (payload as Record<string, unknown>) : {};
}

/** False when the effect has happened before. In the transaction of `client`, which has to be one of `app_worker`. */
export async function claimEffect(client: ClientBase, key: string): Promise<boolean> {
  const { rows } = await client.query<{ claimed: boolean }>("select app_hidden.claim_effect($1) as claimed", [
    key,
  ]);
  return rows[0]?.claimed === true;
}

interface Identity {
  organizationId: string;
  actorId: string | null;
  requestId: string | null;
}

function tenantSettings({ organizationId, actorId, requestId }: Identity): Record<string, string> {
  return {
    "app.organization_id": organizationId,
    "app.current_org_id": organizationId,
    // Jobs that this one adds are still of the same person and request (jobs/add_job.sql).
    "app.job_actor_id": actorId ?? "",
    "app.request_id": requestId ?? "",
  };
}

function personSettings(
  { organizationId, actorId, requestId }: Identity,
  { clinicId = null, purposeOfUse = null }: PersonScope = {},
): Record<string, string> {
  if (actorId === null) {
    throw new JobProblem("actor_denied", "The job says of nobody that they asked for it.", { isFinal: true });
  }
  const claims = {
    userId: actorId,
    sessionId: null,
    organizationId,
    clinicId,
    expiresAt: Number.MAX_SAFE_INTEGER,
  };
  const { statement_timeout: _ofRequests, ...settings } = pgSettings(
    claims,
    { organizationId, clinicId, purposeOfUse },
    requestId ?? randomUUID(),
  );
  return { ...settings, idle_in_transaction_session_timeout: "30s" };
}

async function assertMayAct(client: ClientBase, organizationId: string): Promise<void> {
  const denied = new JobProblem("actor_denied", undefined, { isFinal: true });
  const { rows } = await client
    .query<{ may_act: boolean }>(MAY_ACT, [organizationId])
    .catch((error: unknown) => {
      throw error instanceof Error && "code" in error && error.code === "UNAUT" ? denied : error;
    });
  if (rows[0]?.may_act !== true) {
    throw denied;
  }
}
