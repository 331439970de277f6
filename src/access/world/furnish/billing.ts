import type { RolledBack } from "../rolledBack.ts";

/** The trigger of organizations makes each one's subscription; each has an exception for integrations, too. */
export async function furnishBilling({ superuser }: RolledBack): Promise<void> {
  await superuser.query(
    `insert into app_public.organization_feature_flags (organization_id, flag_key, enabled)
     select id, 'integrations', true from app_public.organizations`,
  );
}
