import type { Client } from "pg";

/**
 * Derives the metrics of every organization in the data scope from what is there now, so that imported history shows in
 * charts at once. A second run changes nothing.
 *
 * @returns how many figures changed.
 */
export async function calculateMetrics(client: Client): Promise<number> {
  const { rows } = await client.query<{ changed: string }>(`\
select coalesce(sum(app_hidden.calculate_organization_metrics(o.id)), 0) as changed
from app_public.organizations o`);
  return Number(rows[0]?.changed);
}

/**
 * Makes a person the owner of every organization in the data scope and an administrator of their clinics: an export brings
 * nobody who could sign in. Memberships that are there already stay as they are.
 *
 * @param ownerId a row of app_public.users.
 */
export async function makeOwner(client: Client, ownerId: string): Promise<void> {
  await client.query(
    `\
insert into app_public.organization_memberships (organization_id, user_id, role)
select o.id, $1, 'owner' from app_public.organizations o
on conflict do nothing`,
    [ownerId],
  );
  await client.query(
    `\
insert into app_public.clinic_memberships (organization_id, clinic_id, user_id, role, display_name)
select c.organization_id, c.id, $1, 'clinic_admin', 'Administrator' from app_public.clinics c
on conflict do nothing`,
    [ownerId],
  );
}
