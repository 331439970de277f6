import type { FullWorld } from "../world/fullWorld.ts";
import type { TaskProbe } from "./taskProbes.ts";

const OWN_SHEET = "01900000-0000-7000-8000-00000000e003";
const FOREIGN_SHEET = "01900000-0000-7000-8000-00000000e004";
const OWN_DELIVERY = "01900000-0000-7000-8000-00000000e005";
const FOREIGN_DELIVERY = "01900000-0000-7000-8000-00000000e006";

/** Connected and synced once, without settings: a run finds nothing to send to, and that is on record. */
const prepareSheets = ({ here, abroad }: FullWorld) => `
  insert into app_public.integrations (id, organization_id, clinic_id, provider, name, schedule, connected_at)
  values
    ('${OWN_SHEET}', '${here.clinic.organizationId}', '${here.clinic.id}', 'google_sheets', 'Probe', 'daily', now()),
    ('${FOREIGN_SHEET}', '${abroad.clinic.organizationId}', '${abroad.clinic.id}', 'google_sheets', 'Probe', 'daily', now());
  insert into app_public.integration_sync_runs (organization_id, clinic_id, integration_id, status, finished_at)
  select organization_id, clinic_id, id, 'succeeded', now() from app_public.integrations
  where id in ('${OWN_SHEET}', '${FOREIGN_SHEET}')`;

/** To this machine, where no webhook goes; the secrets are none. */
const prepareDeliveries = ({ here, abroad }: FullWorld) => `
  with endpoints as (
    insert into app_public.webhook_endpoints (id, organization_id, url, event_kinds, secret_made_at)
    values
      ('${OWN_DELIVERY}', '${here.clinic.organizationId}', 'http://127.0.0.1/', '{appointment_created}', now()),
      ('${FOREIGN_DELIVERY}', '${abroad.clinic.organizationId}', 'http://127.0.0.1/', '{appointment_created}', now())
    returning id, organization_id
  ), secrets as (
    insert into app_private.webhook_secrets (organization_id, endpoint_id, key_id, nonce, ciphertext)
    select organization_id, id, repeat('a', 16), substring(sha256(id::text::bytea) for 12), sha256('secret') from endpoints
  )
  insert into app_public.webhook_deliveries
    (id, organization_id, clinic_id, endpoint_id, event_id, event_kind, subject_ids)
  select id, organization_id, case organization_id
    when '${here.clinic.organizationId}' then '${here.clinic.id}'::uuid else '${abroad.clinic.id}' end,
    id, id, 'appointment_created', array[id]
  from endpoints`;

const sheetProbe = (world: FullWorld): TaskProbe => ({
  own: { organizationId: world.own, integrationId: OWN_SHEET },
  handed: { organizationId: world.own, integrationId: FOREIGN_SHEET },
  prepare: prepareSheets(world),
});

/** What leaves the installation. Nothing does so in a probe, and that it could not is what the task puts on record. */
export const OUTBOUND_PROBES: Readonly<Record<string, (world: FullWorld) => TaskProbe>> = {
  integration__enqueue: () => ({ own: {} }),
  integration__plan: (world) => ({ own: { organizationId: world.own }, prepare: prepareSheets(world) }),
  integration__sync: sheetProbe,
  integration__validate: sheetProbe,
  webhook__deliver: (world) => ({
    own: { organizationId: world.own, deliveryId: OWN_DELIVERY },
    handed: { organizationId: world.own, deliveryId: FOREIGN_DELIVERY },
    prepare: prepareDeliveries(world),
  }),
};
