import type { Task, WithPgClient } from "graphile-worker";

import { isUuid } from "../auth/claims.ts";

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- how graphile-worker learns of a task's payload
  namespace GraphileWorker {
    interface Tasks {
      appointment__notify: {
        organizationId: string;
        appointmentIds: string[];
        /** Who made the change, unless nobody was signed in. */
        actorId?: string;
        requestId?: string;
      };
    }
  }
}

type Payload = GraphileWorker.Tasks["appointment__notify"];

/**
 * Tells the provider of each appointment what it has become. Reads the appointments as they are now, inside the tenant
 * that the job names: an id of another tenant is not found. The effect key makes a second run change nothing.
 */
const task: Task<"appointment__notify"> = async (payload, { logger, withPgClient }) => {
  const { organizationId, appointmentIds } = assertPayload(payload);
  const found = await inOrganization(withPgClient, organizationId, appointmentIds);
  const missing = appointmentIds.filter((id) => !found.includes(id));
  if (missing.length > 0) {
    logger.warn(
      `Appointments '${missing.join("', '")}' are not in organization '${organizationId}' (any more); nobody was notified of them.`,
    );
  }
};

export default task;

function assertPayload(payload: unknown): Payload {
  const { organizationId, appointmentIds } = (payload ?? {}) as Partial<Record<keyof Payload, unknown>>;
  if (!isUuid(organizationId) || !Array.isArray(appointmentIds) || !appointmentIds.every(isUuid)) {
    throw new Error(
      `appointment__notify takes { organizationId: uuid, appointmentIds: uuid[] }; got keys ${Object.keys(payload ?? {}).join(", ")}`,
    );
  }
  return payload as Payload;
}

/** Returns the ids that were found. */
async function inOrganization(
  withPgClient: WithPgClient,
  organizationId: string,
  appointmentIds: string[],
): Promise<string[]> {
  return withPgClient(async (client) => {
    await client.query("begin");
    try {
      await client.query("select pg_catalog.set_config('app.organization_id', $1, true)", [organizationId]);
      const { rows } = await client.query<{ id: string }>(
        `\
with found as (
  select a.id, a.organization_id, a.provider_id, a.status, a.updated_at
  from app_public.appointments a
  where a.organization_id = $1::uuid
  and a.id = any ($2::uuid[])
),
notified as (
  insert into app_public.notifications (organization_id, user_id, kind, subject_table, subject_id, effect_key)
  select
    f.organization_id,
    f.provider_id,
    'appointment_' || f.status,
    'appointments',
    f.id,
    'appointment__notify:' || f.id || ':' || f.status || ':' || extract(epoch from f.updated_at)
  from found f
  on conflict (organization_id, effect_key) do nothing
)
select f.id from found f`,
        [organizationId, appointmentIds],
      );
      await client.query("commit");
      return rows.map(({ id }) => id);
    } catch (error) {
      await client.query("rollback");
      throw error;
    }
  });
}
