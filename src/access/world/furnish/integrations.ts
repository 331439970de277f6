import type { RolledBack } from "../rolledBack.ts";
import type { World } from "../world.ts";

/** An integration of every clinic, with a run and a sealed secret. */
export async function furnishIntegrations(
  { superuser }: RolledBack,
  { here, there, abroad }: World,
): Promise<void> {
  for (const { clinic } of [here, there, abroad]) {
    await superuser.query(
      `with integration as (
         insert into app_public.integrations (organization_id, clinic_id, provider, name)
         values ($1, $2, 'google_sheets', 'Figures')
         returning id
       ), run as (
         insert into app_public.integration_sync_runs (organization_id, clinic_id, integration_id, status, finished_at)
         select $1, $2, id, 'succeeded', now() from integration
       )
       insert into app_private.integration_credentials
         (integration_id, organization_id, clinic_id, key_id, nonce, ciphertext)
       select id, $1, $2, repeat('a', 16), substring(sha256(id::text::bytea) for 12), sha256('secret') from integration`,
      [clinic.organizationId, clinic.id],
    );
  }
}
