import { createAdministrator } from "../people.ts";
import type { RolledBack } from "../rolledBack.ts";
import type { World } from "../world.ts";

/**
 * An invitation of each organization; and the foreign one gets an owner, and a second clinic with nobody in it, to share
 * things with.
 */
export async function furnishTenancy({ superuser }: RolledBack, { own, foreign }: World): Promise<void> {
  await createAdministrator(superuser, foreign, "owner");
  await superuser.query("insert into app_public.clinics (organization_id, name) values ($1, 'Beyond')", [
    foreign,
  ]);
  await superuser.query(
    `insert into app_public.invitations (organization_id, email, organization_role, code_hash, expires_at)
     select o, 'invited@example.com', 'member', sha256(o::text::bytea), now() + interval '1 day'
     from unnest($1::uuid[]) as o`,
    [[own, foreign]],
  );
}
