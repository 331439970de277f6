import type { RolledBack } from "../rolledBack.ts";
import type { ClinicWorld, World } from "../world.ts";

export const INSERT = `insert into app_public.webhook_endpoints (organization_id, url, event_kinds)
  values ($1, $2, $3)`;
export const values = ({ clinic }: ClinicWorld) => [
  clinic.organizationId,
  "https://example.com/hooks",
  "{appointment_created,care_session_changed}",
];

/** An endpoint of each organization with a sealed secret, and for each clinic a delivery to it that waits. */
export async function furnish({ superuser }: RolledBack, { here, there, abroad }: World): Promise<void> {
  for (const { clinic } of [here, abroad]) {
    await superuser.query(
      `with endpoint as (
         insert into app_public.webhook_endpoints (organization_id, url, event_kinds, secret_made_at)
         values ($1, 'https://example.com/hooks', '{appointment_created}', now())
         returning id
       )
       insert into app_private.webhook_secrets (organization_id, endpoint_id, key_id, nonce, ciphertext)
       select $1, id, repeat('a', 16), substring(sha256(id::text::bytea) for 12), sha256('secret') from endpoint`,
      [clinic.organizationId],
    );
  }
  for (const { clinic, appointment } of [here, there, abroad]) {
    await superuser.query(
      `insert into app_public.webhook_deliveries
         (organization_id, clinic_id, endpoint_id, event_id, event_kind, subject_ids)
       select organization_id, $2, id, gen_random_uuid(), 'appointment_created', array[$3::uuid]
       from app_public.webhook_endpoints where organization_id = $1`,
      [clinic.organizationId, clinic.id, appointment.id],
    );
  }
}
