import { isUuid } from "../auth/claims.ts";
import { invalidPayload, tenantTask } from "../jobs/tenantTask.ts";

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
 * that the job names: an id of another tenant is not found. Each notification bears its own effect key, so a second run
 * changes nothing.
 */
export default tenantTask("appointment__notify", {
  timeout: 60_000,
  parse(payload): string[] {
    const { appointmentIds } = payload;
    if (!Array.isArray(appointmentIds) || !appointmentIds.every(isUuid)) {
      throw invalidPayload("appointment__notify", "appointmentIds that are a list of uuids", payload);
    }
    return appointmentIds;
  },
  async perform({ payload: appointmentIds, organizationId, logger, inTenant }) {
    const found = await inTenant(async (client) => {
      const { rows } = await client.query<{ id: string }>(NOTIFY, [organizationId, appointmentIds]);
      return rows.map(({ id }) => id);
    });
    const missing = appointmentIds.filter((id) => !found.includes(id));
    const sentence = `Appointments '${missing.join("', '")}' are not in organization '${organizationId}' (any more); nobody was notified of them.`;
    if (found.length === 0) {
      return { nothing: sentence };
    }
    if (missing.length > 0) {
      logger.warn(sentence);
    }
  },
});
