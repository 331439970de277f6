--! Previous: sha1:53c3e993eb820ad610d45c25a4ee1ab04c9ca326
--! Hash: sha1:18c9cc217bcfa2b726df2ec074ed202639a4594a
--! Message: sheets

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 82-sheets.sql
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

--! Included integrations/integrations.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.integrations');
select app_private.allow_data_role('app_public.integrations');

create policy tenant_boundary on app_public.integrations
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

-- Bought, not only allowed: a new integration needs a plan with integrations. One that is there when the plan ends stays,
-- and can be changed and removed.
create policy insert_with_feature on app_public.integrations
  as restrictive for insert to app_user
  with check (organization_id = any (array(select app_hidden.organization_ids_with_feature('integrations'))));

-- The same for syncing by itself; without it every change leaves the schedule at manual.
create policy insert_schedule_with_feature on app_public.integrations
  as restrictive for insert to app_user
  with check (
    schedule = 'manual'
    or organization_id = any (array(select app_hidden.organization_ids_with_feature('scheduled_sync')))
  );
create policy update_schedule_with_feature on app_public.integrations
  as restrictive for update to app_user
  using (true)
  with check (
    schedule = 'manual'
    or organization_id = any (array(select app_hidden.organization_ids_with_feature('scheduled_sync')))
  );

-- Those who work in the clinic know what it is connected with; its patients do not.
create policy select_clinic on app_public.integrations
  for select to app_user
  using (
    clinic_id = any (array(select app_hidden.readable_clinic_ids()))
    or clinic_id = any (array(select app_hidden.administered_clinic_ids()))
  );

-- Data leaves the clinic by an integration: only those who run the clinic decide about that.
create policy insert_administrator on app_public.integrations
  for insert to app_user
  with check (clinic_id = any (array(select app_hidden.administered_clinic_ids())));

create policy update_administrator on app_public.integrations
  for update to app_user
  using (clinic_id = any (array(select app_hidden.administered_clinic_ids())))
  with check (clinic_id = any (array(select app_hidden.administered_clinic_ids())));

create policy delete_administrator on app_public.integrations
  for delete to app_user
  using (clinic_id = any (array(select app_hidden.administered_clinic_ids())));

-- connect_integration() and disconnect_integration() act with the rights of their caller.
create policy select_definer on app_public.integrations
  for select to app_definer
  using (clinic_id = any (array(select app_hidden.administered_clinic_ids())));
create policy update_definer on app_public.integrations
  for update to app_definer
  using (clinic_id = any (array(select app_hidden.administered_clinic_ids())))
  with check (clinic_id = any (array(select app_hidden.administered_clinic_ids())));

-- A job of the schedule finds the integrations of its organization, and adds what is due.
create policy select_definer_for_job on app_public.integrations
  for select to app_definer
  using (
    (select app_private.acting_role()) = 'app_worker'
    and organization_id = (select app_hidden.current_organization_id())
  );

-- A sync knows its organization.
create policy select_worker on app_public.integrations
  for select to app_worker
  using (organization_id = (select app_hidden.current_organization_id()));

grant
  select (
    id, organization_id, clinic_id, provider, name, settings, schedule, active, connected_at, created_at, updated_at,
    created_by, updated_by
  ),
  insert (organization_id, clinic_id, provider, name, settings, schedule),
  update (name, settings, schedule, active),
  delete
on app_public.integrations to app_user;
-- The provider is not updatable: settings and credentials of one mean nothing to another.
grant select (id, organization_id, clinic_id, provider, schedule, active, connected_at), update (connected_at)
on app_public.integrations to app_definer;
grant select (id, organization_id, clinic_id, provider, settings, schedule, active, connected_at)
on app_public.integrations to app_worker;

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.integrations');
select app_private.audit_changes('app_public.integrations');

-- Documentation ---------------------------------------------------------------

comment on table app_public.integrations is
  'A connection of a clinic with a service outside. Needs the feature `integrations`. Its secret is kept elsewhere and never shown.';
comment on column app_public.integrations.id is 'The integration’s id.';
comment on column app_public.integrations.organization_id is 'The organization that runs the clinic.';
comment on column app_public.integrations.clinic_id is 'The clinic whose data it is about.';
comment on column app_public.integrations.provider is 'The service.';
comment on column app_public.integrations.name is 'What people call it. Unique within the clinic.';
comment on column app_public.integrations.settings is
  'Which document and which sheet, as one JSON object of at most 16 kB; for Google Sheets `{"spreadsheetId": "…", "sheet": "Figures"}`. No secrets: everybody in the clinic reads it.';
comment on column app_public.integrations.schedule is
  'When it syncs by itself. Anything but `MANUAL` needs the feature `scheduled_sync`.';
comment on column app_public.integrations.active is 'Whether it syncs at all.';
comment on column app_public.integrations.connected_at is
  'When its secret was last stored by `connectIntegration`; null while there is none.';
comment on column app_public.integrations.created_at is 'When it was made.';
comment on column app_public.integrations.updated_at is 'When it last changed.';
comment on column app_public.integrations.created_by is 'Who made it.';
comment on column app_public.integrations.updated_by is 'Who changed it last.';
comment on type app_public.integration_provider is '@value google_sheets A spreadsheet at Google.
@value google_calendar A calendar at Google.
A service that a clinic can be connected with.';
comment on type app_public.integration_schedule is '@value manual Never.
@value hourly Once an hour.
@value daily Once a day.
How often an integration syncs by itself.';
--! EndIncluded integrations/integrations.sql
--! Included integrations/integration_sync_runs.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.integration_sync_runs');
select app_private.allow_data_role('app_public.integration_sync_runs');

create policy tenant_boundary on app_public.integration_sync_runs
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

create policy select_clinic on app_public.integration_sync_runs
  for select to app_user
  using (
    clinic_id = any (array(select app_hidden.readable_clinic_ids()))
    or clinic_id = any (array(select app_hidden.administered_clinic_ids()))
  );

-- Only the job that syncs says how it went.
create policy select_worker on app_public.integration_sync_runs
  for select to app_worker
  using (organization_id = (select app_hidden.current_organization_id()));
create policy insert_worker on app_public.integration_sync_runs
  for insert to app_worker
  with check (organization_id = (select app_hidden.current_organization_id()));
-- Whether an integration was synced today is asked by what adds the jobs.
create policy select_definer_for_job on app_public.integration_sync_runs
  for select to app_definer
  using (
    (select app_private.acting_role()) = 'app_worker'
    and organization_id = (select app_hidden.current_organization_id())
  );
-- A run that has ended is history.
create policy update_worker on app_public.integration_sync_runs
  for update to app_worker
  using (organization_id = (select app_hidden.current_organization_id()) and status = 'running')
  with check (organization_id = (select app_hidden.current_organization_id()));

grant select (
  id, organization_id, clinic_id, integration_id, kind, status, started_at, finished_at, rows_read, rows_written, failure,
  created_at, updated_at
) on app_public.integration_sync_runs to app_user;
-- No write grant for requests.
grant
  select (
    id, organization_id, clinic_id, integration_id, kind, status, started_at, finished_at, rows_read, rows_written,
    target, cursor_at, cursor_id
  ),
  insert (organization_id, clinic_id, integration_id, kind, target, cursor_at, cursor_id),
  update (status, finished_at, rows_read, rows_written, failure, cursor_at, cursor_id)
on app_public.integration_sync_runs to app_worker;
grant select (organization_id, integration_id, kind, status, started_at) on app_public.integration_sync_runs
to app_definer;

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.integration_sync_runs');
select app_private.audit_changes('app_public.integration_sync_runs');

-- Documentation ---------------------------------------------------------------

comment on table app_public.integration_sync_runs is
  'One sync of an integration, or one comparison of what is outside with what is here: when, how much, and how it went.';
comment on column app_public.integration_sync_runs.id is 'The run’s id.';
comment on column app_public.integration_sync_runs.organization_id is 'The organization that runs the clinic.';
comment on column app_public.integration_sync_runs.clinic_id is 'The clinic.';
comment on column app_public.integration_sync_runs.integration_id is 'What was synced.';
comment on column app_public.integration_sync_runs.kind is 'What was done.';
comment on column app_public.integration_sync_runs.target is
  E'@behavior -*\nThe document and sheet; a sync into another one begins from the start.';
comment on column app_public.integration_sync_runs.cursor_at is
  E'@behavior -*\nWhen the last row that it wrote had changed; the next run goes on from there.';
comment on column app_public.integration_sync_runs.cursor_id is
  E'@behavior -*\nThe last row that it wrote.';
comment on column app_public.integration_sync_runs.status is 'How it stands.';
comment on column app_public.integration_sync_runs.started_at is 'When it started.';
comment on column app_public.integration_sync_runs.finished_at is 'When it ended; null while it runs.';
comment on column app_public.integration_sync_runs.rows_read is 'How many rows were looked at.';
comment on column app_public.integration_sync_runs.rows_written is 'How many rows were changed outside or here.';
comment on column app_public.integration_sync_runs.failure is
  'Why it failed, for those who run the clinic. Names no patient and repeats no secret.';
comment on column app_public.integration_sync_runs.created_at is 'When the record was made.';
comment on column app_public.integration_sync_runs.updated_at is 'When the record last changed.';
comment on type app_public.integration_sync_status is '@value running It is going on.
@value succeeded It has done all it had to.
@value failed It has stopped; `failure` says why.
How a sync stands.';
comment on type app_public.integration_run_kind is '@value sync Changed rows were written outside.
@value validation What is outside was compared with what is here.
What a run of an integration does.';
--! EndIncluded integrations/integration_sync_runs.sql
--! Included integrations/sync_rows.sql
-- What leaves for a sheet, and all that can: the clinic's figures of each day, which name no patient. Asked by the worker
-- with its own rights, inside the organization of its job; columns that are not here do not leave, whatever a sync wants.

-- Rows that have changed since a cursor, oldest change first. With neither cursor, from the start.
create or replace function app_hidden.sync_rows(integration_id uuid, after_at timestamptz, after_id uuid, page integer)
returns table (
  id uuid, updated_at timestamptz, key text, mark text, day date, area text, metric text, source text, sum numeric,
  count bigint
) as $$
  select
    a.id,
    a.updated_at,
    concat_ws('/', a.starts_on, a.area, a.metric_key, a.source),
    to_char(a.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    a.starts_on, a.area::text, a.metric_key, a.source::text, a.sum, a.count
  from app_public.integrations i
  join app_public.metric_aggregations a on a.organization_id = i.organization_id and a.clinic_id = i.clinic_id
  where i.id = sync_rows.integration_id
  and a.period = 'day'
  and (a.updated_at, a.id) > (
    coalesce(sync_rows.after_at, '-infinity'),
    coalesce(sync_rows.after_id, '00000000-0000-0000-0000-000000000000')
  )
  order by a.updated_at, a.id
  limit sync_rows.page;
$$ language sql stable parallel safe set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_hidden.sync_rows(uuid, timestamptz, uuid, integer) to app_worker;
--! EndIncluded integrations/sync_rows.sql
--! Included integrations/sync_runs.sql
-- What a run of an integration does with its record. All of them act with the worker's own rights.

-- Begins a run. A record that still says `running` is of a worker that died: the queue lets no two runs of one
-- integration go at a time. A sync goes on where the last one into the same sheet has come, and from the start after a
-- comparison that has failed; five minutes are read again, because what commits late has changed before.
create or replace function app_hidden.begin_run(integration_id uuid, kind app_public.integration_run_kind)
returns table (
  run_id uuid, settings jsonb, cursor_at timestamptz, cursor_id uuid, key_id text, nonce bytea, ciphertext bytea
) as $$
declare
  v_integration record;
  v_last record;
begin
  select i.organization_id, i.clinic_id, i.settings, concat_ws(' ', i.settings -> 'spreadsheetId', i.settings -> 'sheet') as target
  into v_integration
  from app_public.integrations i
  where i.id = begin_run.integration_id and i.provider = 'google_sheets' and i.active;
  if not found then
    return;
  end if;
  update app_public.integration_sync_runs r
  set status = 'failed', finished_at = now(), failure = 'It was interrupted; the next one goes on from there.'
  where r.integration_id = begin_run.integration_id and r.status = 'running';
  select r.cursor_at, r.cursor_id into v_last
  from app_public.integration_sync_runs r
  where r.organization_id = v_integration.organization_id
  and r.clinic_id = v_integration.clinic_id
  and r.integration_id = begin_run.integration_id
  and r.target = v_integration.target
  and (r.kind = 'sync' or (r.status = 'failed' and r.cursor_at is null))
  order by r.started_at desc, r.id desc
  limit 1;
  return query
    with begun as (
      insert into app_public.integration_sync_runs as r (
        organization_id, clinic_id, integration_id, kind, target, cursor_at, cursor_id
      )
      values (
        v_integration.organization_id, v_integration.clinic_id, begin_run.integration_id, begin_run.kind,
        v_integration.target,
        case begin_run.kind when 'sync' then v_last.cursor_at - interval '5 min' else v_last.cursor_at end,
        v_last.cursor_id
      )
      returning r.id, r.cursor_at, r.cursor_id
    )
    select b.id, v_integration.settings, b.cursor_at, b.cursor_id, c.key_id, c.nonce, c.ciphertext
    from begun b
    left join app_hidden.sealed_credential(begin_run.integration_id) c on true;
end;
$$ language plpgsql volatile set search_path to '';

-- How far a sync has come: from here on, the next one need not begin before.
create or replace function app_hidden.move_run(run_id uuid, cursor_at timestamptz, cursor_id uuid, written integer)
returns void as $$
  update app_public.integration_sync_runs r
  set
    cursor_at = move_run.cursor_at,
    cursor_id = move_run.cursor_id,
    rows_read = r.rows_read + move_run.written,
    rows_written = r.rows_written + move_run.written
  where r.id = move_run.run_id and r.status = 'running';
$$ language sql volatile set search_path to '';

-- Ends a run; `failure` is a sentence for people, or null. The administrators are told of a failure once a day. A
-- comparison that fails forgets the cursor, so that the next sync writes everything anew.
create or replace function app_hidden.end_run(
  run_id uuid,
  rows_read integer,
  rows_removed integer,
  failure text,
  starts_over boolean
) returns void as $$
declare
  v_integration_id uuid;
begin
  update app_public.integration_sync_runs r
  set
    status = case when end_run.failure is null then 'succeeded' else 'failed' end::app_public.integration_sync_status,
    finished_at = now(),
    rows_read = r.rows_read + end_run.rows_read,
    rows_written = r.rows_written + end_run.rows_removed,
    failure = end_run.failure,
    cursor_at = case when end_run.starts_over then null else r.cursor_at end,
    cursor_id = case when end_run.starts_over then null else r.cursor_id end
  where r.id = end_run.run_id and r.status = 'running'
  returning r.integration_id into v_integration_id;
  if found and end_run.failure is not null then
    perform app_hidden.tell_administrators(
      'integration_failed', 'integrations', v_integration_id, to_char(now() at time zone 'UTC', 'YYYY-MM-DD')
    );
  end if;
end;
$$ language plpgsql volatile set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_hidden.begin_run(uuid, app_public.integration_run_kind),
  app_hidden.move_run(uuid, timestamptz, uuid, integer),
  app_hidden.end_run(uuid, integer, integer, text, boolean)
to app_worker;
--! EndIncluded integrations/sync_runs.sql
--! Included integrations/queue_syncs.sql
set local role app_definer;

-- Definer functions, because no request and no job adds a job by itself.

create or replace function app_private.add_integration_job(
  task text,
  organization_id uuid,
  integration_id uuid
) returns void as $$
  select app_private.add_job(
    add_integration_job.task,
    jsonb_build_object(
      'organizationId', add_integration_job.organization_id, 'integrationId', add_integration_job.integration_id
    ),
    -- One after the other: two runs would write over each other.
    queue_name => 'integration:' || add_integration_job.integration_id,
    -- One that waits is enough.
    job_key => add_integration_job.task || ':' || add_integration_job.integration_id
  );
$$ language sql volatile security definer set search_path to '';

-- For who runs the clinic of a connected integration; false where that is not so.
create or replace function app_hidden.queue_sync(integration_id uuid) returns boolean as $$
declare
  v_organization_id uuid;
begin
  select i.organization_id into v_organization_id
  from app_public.integrations i
  where i.id = queue_sync.integration_id
  and i.clinic_id = any (array(select app_hidden.administered_clinic_ids()))
  and i.active
  and i.connected_at is not null;
  if found then
    perform app_private.add_integration_job('integration__sync', v_organization_id, queue_sync.integration_id);
  end if;
  return found;
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- What the schedule's job of an organization adds: a sync where one is due and the plan still includes it, and after it a
-- comparison of every sheet that was ever synced. Returns how many integrations it looked at.
create or replace function app_hidden.queue_due_integrations() returns integer as $$
declare
  v_integration record;
  v_count integer := 0;
  v_has_feature constant boolean := exists (
    select
    from app_public.subscriptions s
    cross join app_public.feature_flag_definitions d
    left join app_public.organization_feature_flags f on f.organization_id = s.organization_id and f.flag_key = d.key
    where s.organization_id = app_hidden.current_organization_id()
    and d.key = 'scheduled_sync'
    and coalesce(f.enabled, d.default_enabled and s.effective_plan >= coalesce(d.minimum_plan, 'free'))
  );
begin
  for v_integration in
    select i.id, i.organization_id, i.schedule, max(r.started_at) filter (where r.kind = 'sync') as synced_at
    from app_public.integrations i
    left join app_public.integration_sync_runs r
      on r.organization_id = i.organization_id and r.integration_id = i.id and r.status = 'succeeded'
    where i.organization_id = app_hidden.current_organization_id()
    and i.provider = 'google_sheets'
    and i.active
    and i.connected_at is not null
    group by i.id, i.organization_id, i.schedule
    order by i.id
  loop
    v_count := v_count + 1;
    -- The schedule comes every hour, some minutes late or early.
    if v_has_feature and (
      v_integration.schedule = 'hourly'
      or (v_integration.schedule = 'daily' and coalesce(v_integration.synced_at < now() - interval '23 h 30 min', true))
    ) then
      perform app_private.add_integration_job('integration__sync', v_integration.organization_id, v_integration.id);
    end if;
    if v_integration.synced_at is not null then
      perform app_private.add_integration_job('integration__validate', v_integration.organization_id, v_integration.id);
    end if;
  end loop;
  return v_count;
end;
$$ language plpgsql volatile security definer set search_path to '';

create or replace function app_hidden.enqueue_integrations() returns integer as $$
  select app_private.add_job_for_each_organization('integration__plan');
$$ language sql volatile security definer set search_path to '';

grant execute on function app_hidden.queue_sync(uuid) to app_user;
grant execute on function app_hidden.queue_due_integrations(), app_hidden.enqueue_integrations() to app_worker;

reset role;

create or replace function app_public.sync_integration(integration_id uuid) returns app_public.integrations as $$
declare
  v_integration app_public.integrations;
begin
  if not app_hidden.queue_sync(sync_integration.integration_id) then
    raise exception 'There is no such integration that is connected and active.' using errcode = 'NTFND';
  end if;
  select * into v_integration
  from app_public.integrations i
  where i.id = sync_integration.integration_id;
  return v_integration;
end;
$$ language plpgsql volatile strict set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_public.sync_integration(uuid) to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.sync_integration(uuid) is
  'Syncs a connected integration soon; `integrationSyncRuns` shows how it goes. For those who run the clinic.';
--! EndIncluded integrations/queue_syncs.sql
