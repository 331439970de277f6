import type { RolledBack } from "../rolledBack.ts";
import type { World } from "../world.ts";

/** One of each organization, and one of the system. */
export async function furnishOperations({ superuser }: RolledBack, { own, foreign }: World): Promise<void> {
  for (const organizationId of [own, foreign, null]) {
    await superuser.query(
      `insert into app_public.job_dead_letters (organization_id, task, payload, error_code, attempts)
       values ($1, 'appointment__notify', '{}', 'P0001', 25)`,
      [organizationId],
    );
    await superuser.query(
      `insert into app_public.trigger_failures (organization_id, trigger_name, table_name, error_code)
       values ($1, '_500_advise', 'app_public.appointments', 'P0001')`,
      [organizationId],
    );
  }
}
