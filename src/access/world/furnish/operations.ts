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
  await furnishBackfills({ superuser }, [own, foreign]);
}

/** One run over both organizations: a batch, a row that it could not change, and one as it was before. */
async function furnishBackfills(
  { superuser }: Pick<RolledBack, "superuser">,
  organizationIds: readonly string[],
): Promise<void> {
  const { rows } = await superuser.query<{ id: string }>(
    `insert into app_private.backfill_runs (name, table_name, organization_ids, definition_hash)
     values ('patients_city', 'app_public.organizations', $1, '') returning id`,
    [organizationIds],
  );
  const runId = rows[0]?.id;
  await superuser.query(
    "insert into app_private.backfill_batches (run_id, number, first_key, last_key, rows_changed) values ($1, 1, 'a', 'b', 2)",
    [runId],
  );
  for (const organizationId of organizationIds) {
    const values = [runId, organizationId];
    await superuser.query(
      `insert into app_private.backfill_issues (run_id, table_name, row_id, problem)
       values ($1, 'app_public.organizations', $2, 'no city')`,
      values,
    );
    await superuser.query(
      `insert into app_private.backfill_originals (run_id, table_name, row_id, original, written)
       values ($1, 'app_public.organizations', $2::uuid, jsonb_build_object('organization_id', $2::uuid), '{}')`,
      values,
    );
  }
}
