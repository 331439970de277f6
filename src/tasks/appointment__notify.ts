import type { Task } from "graphile-worker";

import { isUuid } from "../auth/claims.ts";
import { inOrganization, organizationOf } from "../jobs/inOrganization.ts";

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

type Payload = Pick<GraphileWorker.Tasks["appointment__notify"], "organizationId" | "appointmentIds">;

const NOTIFY = `\
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
select f.id from found f`;

/**
 * Tells the provider of each appointment what it has become. Reads the appointments as they are now, inside the tenant
 * that the job names: an id of another tenant is not found. The effect key makes a second run change nothing.
 */
const task: Task<"appointment__notify"> = async (payload, { logger, withPgClient }) => {
  const { organizationId, appointmentIds } = assertPayload(payload);
  const found = await inOrganization(withPgClient, organizationId, async (client) => {
    const { rows } = await client.query<{ id: string }>(NOTIFY, [organizationId, appointmentIds]);
    return rows.map(({ id }) => id);
  });
  const missing = appointmentIds.filter((id) => !found.includes(id));
  if (missing.length > 0) {
    logger.warn(
      `Appointments '${missing.join("', '")}' are not in organization '${organizationId}' (any more); nobody was notified of them.`,
    );
  }
};

export default task;

function assertPayload(payload: unknown): Payload {
  const { appointmentIds } = (payload ?? {}) as Partial<Record<keyof Payload, unknown>>;
  if (!Array.isArray(appointmentIds) || !appointmentIds.every(isUuid)) {
    throw new Error(
      `appointment__notify needs appointmentIds that are a list of uuids; the payload has the keys ${Object.keys(payload ?? {}).join(", ")}`,
    );
  }
  return { organizationId: organizationOf("appointment__notify", payload), appointmentIds };
}
