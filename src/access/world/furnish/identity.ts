import type { RolledBack } from "../rolledBack.ts";
import type { World } from "../world.ts";

export async function furnishIdentity(
  { superuser }: RolledBack,
  { here, there, abroad }: World,
): Promise<void> {
  for (const { provider } of [here, there, abroad]) {
    await superuser.query("update app_public.profiles set consent_pipeda = true where user_id = $1", [
      provider.userId,
    ]);
  }
}
