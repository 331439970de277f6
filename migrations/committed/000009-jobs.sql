--! Previous: sha1:af4f5f5891f3cf50c7326a4e93c292a9d4c8d783
--! Hash: sha1:339e59702d22c78cfe8d8093112fafdc84439e36
--! Message: jobs

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 070-jobs.sql
create table if not exists app_public.notifications (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null references app_public.organizations on delete cascade,
  user_id uuid not null references app_public.users on delete cascade,
  kind text not null,
  subject_table text not null,
  subject_id uuid not null,
  read_at timestamptz,
  effect_key text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, effect_key)
);
create index if not exists notifications_organization_id_user_id_idx
  on app_public.notifications (organization_id, user_id, created_at desc, id desc);
create index if not exists notifications_user_id_idx on app_public.notifications (user_id, created_at desc, id desc);

--! Included jobs/notifications.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.notifications');

create policy tenant_boundary on app_public.notifications
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

create policy select_self on app_public.notifications
  for select to app_user
  using (user_id = (select app_hidden.current_user_id()));

create policy update_self on app_public.notifications
  for update to app_user
  using (user_id = (select app_hidden.current_user_id()))
  with check (user_id = (select app_hidden.current_user_id()));

create policy insert_worker on app_public.notifications
  for insert to app_worker
  with check (organization_id = (select app_hidden.current_organization_id()));
-- `on conflict do nothing` reads the key of the row it meets.
create policy select_worker on app_public.notifications
  for select to app_worker
  using (organization_id = (select app_hidden.current_organization_id()));

grant
  select (id, organization_id, user_id, kind, subject_table, subject_id, read_at, created_at, updated_at),
  update (read_at)
on app_public.notifications to app_user;
grant
  select (id, organization_id, effect_key),
  insert (organization_id, user_id, kind, subject_table, subject_id, effect_key)
on app_public.notifications to app_worker;

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.notifications');
select app_private.audit_changes('app_public.notifications');
select app_private.announce_changes('app_public.notifications', 'user_id', '{insert}');

-- Documentation ---------------------------------------------------------------

comment on table app_public.notifications is 'Something a person should know of. Names the record, never its content.';
comment on column app_public.notifications.id is 'The notification’s id.';
comment on column app_public.notifications.organization_id is 'The organization it comes from.';
comment on column app_public.notifications.user_id is 'Whom it is for.';
comment on column app_public.notifications.kind is 'What happened, such as `appointment_booked`.';
comment on column app_public.notifications.subject_table is 'The kind of record it is about, such as `appointments`.';
comment on column app_public.notifications.subject_id is 'The record it is about.';
comment on column app_public.notifications.read_at is 'When the person read it; null while it is new.';
comment on column app_public.notifications.effect_key is
  E'@behavior -select\nNames the effect of a job: the second run of the same job makes no second notification.';
comment on column app_public.notifications.created_at is 'When it was made.';
comment on column app_public.notifications.updated_at is 'When it last changed.';
--! EndIncluded jobs/notifications.sql
--! Included jobs/add_job.sql
set local role app_definer;

-- The one door to the queue. Payloads carry ids and who asked, never what the records say; tasks read the state themselves.
create or replace function app_private.add_job(task text, payload jsonb) returns void as $$
begin
  perform graphile_worker.add_job(
    add_job.task,
    (add_job.payload || jsonb_strip_nulls(jsonb_build_object(
      'actorId', auth.uid(),
      'requestId', app_hidden.request_id()
    )))::json
  );
end;
$$ language plpgsql volatile security definer set search_path to '';

-- One job for each organization; for schedules, which belong to none. Returns how many.
create or replace function app_private.add_job_for_each_organization(task text, payload jsonb = '{}') returns int as $$
declare
  v_count int;
begin
  perform app_private.add_job(
    add_job_for_each_organization.task,
    add_job_for_each_organization.payload || jsonb_build_object('organizationId', o.id)
  )
  from app_public.organizations o;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$ language plpgsql volatile security definer set search_path to '';

reset role;
--! EndIncluded jobs/add_job.sql
--! Included jobs/enqueue_appointments.sql
set local role app_definer;

-- One job a statement and organization, however many appointments it changed: each job costs a NOTIFY, and those stand in
-- line at commit. An import tells nobody: people are told of what people do.
create or replace function app_private.tg_appointments__enqueue() returns trigger as $$
begin
  if app_private.acting_role() = 'app_data' then
    return null;
  end if;
  perform app_private.add_job(
    'appointment__notify',
    jsonb_build_object('organizationId', n.organization_id, 'appointmentIds', jsonb_agg(n.id order by n.id))
  )
  from new_rows n
  group by n.organization_id;
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_private.tg_appointments__enqueue() to app_owner;

reset role;

create or replace trigger _900_enqueue_insert
  after insert on app_public.appointments
  referencing new table as new_rows
  for each statement
  execute function app_private.tg_appointments__enqueue();

create or replace trigger _900_enqueue_update
  after update on app_public.appointments
  referencing new table as new_rows
  for each statement
  execute function app_private.tg_appointments__enqueue();
--! EndIncluded jobs/enqueue_appointments.sql
