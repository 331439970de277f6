do $$
begin
  if to_regtype('app_public.integration_run_kind') is null then
    create type app_public.integration_run_kind as enum ('sync', 'validation');
  end if;
end
$$;

alter table app_public.integration_sync_runs
  add column if not exists kind app_public.integration_run_kind not null default 'sync',
  add column if not exists target text,
  add column if not exists cursor_at timestamptz,
  add column if not exists cursor_id uuid;

-- A sync reads what has changed since its cursor.
create index if not exists metric_aggregations_organization_id_clinic_id_updated_at_idx
  on app_public.metric_aggregations (organization_id, clinic_id, updated_at, id);

--!include integrations/integrations.sql
--!include integrations/integration_sync_runs.sql
--!include integrations/sync_rows.sql
--!include integrations/sync_runs.sql
--!include integrations/queue_syncs.sql
