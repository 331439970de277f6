--! Previous: sha1:65676cacff6833dc161230802c122c83dfaa1920
--! Hash: sha1:521a7e7385c6426c52fa6b1de51be80d8ba48edc
--! Message: proof

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 140-proof.sql
--! Included operations/ran_migrations.sql
-- graphile-migrate's record, as far as `/ready` needs it: nothing but the numbers of what has run.
grant usage on schema graphile_migrate to app_definer;
grant select (filename) on graphile_migrate.migrations to app_definer;

set local role app_definer;

-- Definer, because no role of a request has anything to do in graphile-migrate's schema. For the gateway, which asks as
-- `app_anonymous`: the role that it signs in with has no privilege of its own.
create or replace function app_hidden.ran_migrations() returns setof text as $$
  select m.filename from graphile_migrate.migrations m order by m.filename;
$$ language sql stable parallel safe security definer set search_path to '';

grant execute on function app_hidden.ran_migrations() to app_anonymous;

reset role;
--! EndIncluded operations/ran_migrations.sql
--! Included audit/events.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_audit.events');

-- Only the audit trigger writes, in the transaction of the change. Nobody has update, delete or truncate.
create policy insert_definer on app_audit.events
  for insert to app_definer
  with check (transaction_id = pg_current_xact_id());

-- Administrators see their organization's trail, everybody their own; a superadmin sees all but what concerns the vault,
-- also what belongs to no organization or to one that is gone, unless the request is about one organization.
-- Read through audit_logs, which has a branch for each of these.
create policy tenant_boundary on app_audit.events
  as restrictive to app_user
  using (
    organization_id = any (array(select app_hidden.my_organization_ids()))
    or actor_id = (select app_hidden.current_user_id())
    or (select app_hidden.is_superadmin() and app_hidden.current_organization_id() is null)
  )
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));
create policy select_administrator on app_audit.events
  for select to app_user
  using (
    organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
    or actor_id = (select app_hidden.current_user_id())
    or table_name not like 'app\_vault.%' and (select app_hidden.is_superadmin())
  );

grant usage on schema app_audit to app_user;
grant insert on app_audit.events to app_definer;
grant select (
  id, occurred_at, organization_id, clinic_id, actor_id, actor_role, command, table_name, row_id, changed_fields,
  purpose_of_use, request_id
) on app_audit.events to app_user;

-- Triggers --------------------------------------------------------------------

create or replace function app_audit.tg_events__refuse_change() returns trigger as $$
begin
  raise exception 'Audit events are never changed or removed.' using errcode = 'DENYD';
end;
$$ language plpgsql volatile set search_path to '';

create or replace trigger _300_refuse_change
  before update or delete on app_audit.events
  for each row
  execute function app_audit.tg_events__refuse_change();

create or replace trigger _301_refuse_truncate
  before truncate on app_audit.events
  for each statement
  execute function app_audit.tg_events__refuse_change();

-- Also when somebody sets session_replication_role, which skips ordinary triggers.
alter table app_audit.events enable always trigger _300_refuse_change;
alter table app_audit.events enable always trigger _301_refuse_truncate;

-- Documentation ---------------------------------------------------------------

comment on table app_audit.events is
  'One row for each row changed in any table with tenant or user data, written in the same transaction.';
comment on column app_audit.events.actor_role is 'The database role that made the change.';
comment on column app_audit.events.changed_fields is
  'Names of the fields that got another value (all that have one, for a new row). Never the values.';
--! EndIncluded audit/events.sql
--! Included audit/audit_logs.sql
-- The audit under its askers' name and columns (R33, R45): who did what to which record, without content.
-- Three branches, one for each reason to see an event, each read by its own index; who is none of a branch does not read it
-- at all. They decide nothing: the policies of `events` hold each of them, and a reason that is missing here only hides.
create or replace view app_public.audit_logs with (security_invoker = true) as
  select
    e.id,
    e.organization_id,
    e.clinic_id,
    e.actor_id as user_id,
    lower(e.command) as action,
    e.table_name as resource_type,
    e.row_id as resource_id,
    jsonb_strip_nulls(jsonb_build_object(
      'changedFields', to_jsonb(e.changed_fields),
      'actorRole', e.actor_role,
      'purposeOfUse', e.purpose_of_use,
      'requestId', e.request_id
    )) as metadata,
    e.occurred_at as created_at
  from (
    select
      e.id, e.organization_id, e.clinic_id, e.actor_id, e.command, e.table_name, e.row_id, e.changed_fields,
      e.actor_role, e.purpose_of_use, e.request_id, e.occurred_at
    from app_audit.events e
    where e.organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
    union all
    select
      e.id, e.organization_id, e.clinic_id, e.actor_id, e.command, e.table_name, e.row_id, e.changed_fields,
      e.actor_role, e.purpose_of_use, e.request_id, e.occurred_at
    from app_audit.events e
    where e.actor_id = (select app_hidden.current_user_id())
    and (e.organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))) is not true
    union all
    select
      e.id, e.organization_id, e.clinic_id, e.actor_id, e.command, e.table_name, e.row_id, e.changed_fields,
      e.actor_role, e.purpose_of_use, e.request_id, e.occurred_at
    from app_audit.events e
    where (select app_hidden.is_superadmin())
    and e.actor_id is distinct from (select app_hidden.current_user_id())
    and (e.organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))) is not true
  ) e;

-- Access ----------------------------------------------------------------------

revoke all on app_public.audit_logs from app_user;
grant select (
  id, organization_id, clinic_id, user_id, action, resource_type, resource_id, metadata, created_at
) on app_public.audit_logs to app_user;

-- Documentation ---------------------------------------------------------------

comment on view app_public.audit_logs is
  E'@primaryKey id\nWhat was changed, by whom and when. Owners and admins see their organization’s; everybody sees their own.';
comment on column app_public.audit_logs.id is 'The event’s id.';
comment on column app_public.audit_logs.organization_id is 'The organization of the record.';
comment on column app_public.audit_logs.clinic_id is 'The clinic of the record.';
comment on column app_public.audit_logs.user_id is 'Who made the change; null for work of the system.';
comment on column app_public.audit_logs.action is 'What was done: insert, update or delete.';
comment on column app_public.audit_logs.resource_type is 'The table of the record.';
comment on column app_public.audit_logs.resource_id is 'The record.';
comment on column app_public.audit_logs.metadata is 'Names of the changed fields, the role, the purpose and the request.';
comment on column app_public.audit_logs.created_at is 'When it happened, by the database’s clock.';
--! EndIncluded audit/audit_logs.sql
--! Included audit/audit_changes.sql
set local role app_definer;

-- One call per statement, however many rows it changed; what is the same for all of them is read once, which for each row
-- would be a fifth of a bulk insert's time. Arguments: the key column, and the column that holds the organization ('' where
-- a table belongs to none).
create or replace function app_private.tg__audit() returns trigger as $$
declare
  v_actor_id uuid := auth.uid();
  v_session_id uuid := app_hidden.current_session_id();
  v_role text := app_private.acting_role();
  v_purpose text := app_hidden.purpose_of_use();
  v_request_id text := app_hidden.request_id();
begin
  if TG_OP = 'INSERT' then
    insert into app_audit.events (
      organization_id, clinic_id, actor_id, session_id, actor_role, command, table_name, row_id, changed_fields,
      purpose_of_use, request_id
    )
    select (n.record ->> TG_ARGV[1])::uuid, (n.record ->> 'clinic_id')::uuid, v_actor_id,
      v_session_id, v_role, TG_OP, TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME,
      (n.record ->> TG_ARGV[0])::uuid,
      array(select jsonb_object_keys(jsonb_strip_nulls(n.record)) as key order by key),
      v_purpose, v_request_id
    from (select to_jsonb(r) as record from new_rows r) as n;
  elsif TG_OP = 'UPDATE' then
    insert into app_audit.events (
      organization_id, clinic_id, actor_id, session_id, actor_role, command, table_name, row_id, changed_fields,
      purpose_of_use, request_id
    )
    select (n.record ->> TG_ARGV[1])::uuid, (n.record ->> 'clinic_id')::uuid, v_actor_id,
      v_session_id, v_role, TG_OP, TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME,
      (n.record ->> TG_ARGV[0])::uuid,
      array(
        select f.key
        from jsonb_each(n.record) as f
        where f.value is distinct from o.record -> f.key
        and f.key not in ('updated_at', 'updated_by')
        order by f.key
      ),
      v_purpose, v_request_id
    from (select to_jsonb(r) as record from new_rows r) as n
    join (select to_jsonb(r) as record from old_rows r) as o
      on n.record ->> TG_ARGV[0] = o.record ->> TG_ARGV[0];
  else
    insert into app_audit.events (
      organization_id, clinic_id, actor_id, session_id, actor_role, command, table_name, row_id, changed_fields,
      purpose_of_use, request_id
    )
    select (o.record ->> TG_ARGV[1])::uuid, (o.record ->> 'clinic_id')::uuid, v_actor_id,
      v_session_id, v_role, TG_OP, TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME,
      (o.record ->> TG_ARGV[0])::uuid,
      '{}',
      v_purpose, v_request_id
    from (select to_jsonb(r) as record from old_rows r) as o;
  end if;
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '';

-- The role a statement was sent under: in a definer function `current_user` would be the function's owner.
create or replace function app_private.acting_role() returns text as $$
  select coalesce(nullif(current_setting('role', true), 'none'), session_user);
$$ language sql stable parallel safe set search_path to '';

grant execute on function app_private.tg__audit() to app_owner;

reset role;

-- Puts a table on record. Idempotent; ALWAYS, because session_replication_role skips ordinary triggers.
create or replace function app_private.audit_changes(
  target regclass,
  key_column name = 'id',
  organization_column text = 'organization_id'
) returns void as $$
declare
  v_event record;
begin
  for v_event in
    select *
    from (values
      ('insert', 'referencing new table as new_rows'),
      ('update', 'referencing old table as old_rows new table as new_rows'),
      ('delete', 'referencing old table as old_rows')
    ) as events (command, transition_tables)
  loop
    execute format(
      'create or replace trigger _500_audit_%1$s after %1$s on %2$s %3$s'
      ' for each statement execute function app_private.tg__audit(%4$L, %5$L)',
      v_event.command,
      audit_changes.target,
      v_event.transition_tables,
      audit_changes.key_column,
      audit_changes.organization_column
    );
    execute format('alter table %s enable always trigger _500_audit_%s', audit_changes.target, v_event.command);
  end loop;
end;
$$ language plpgsql volatile set search_path to '';
--! EndIncluded audit/audit_changes.sql
--! Included metrics/goal_progress_keys.sql
-- The clinic decides who sees the progress, so it has to be one of the organization; null where the goal is for all of it.
do $$
begin
  if not exists (
    select from pg_catalog.pg_constraint k
    where k.conrelid = 'app_public.goal_progress'::regclass and k.conname = 'goal_progress_clinic_fkey'
  ) then
    alter table app_public.goal_progress
      add constraint goal_progress_clinic_fkey
      foreign key (organization_id, clinic_id) references app_public.clinics (organization_id, id);
  end if;
end
$$;

-- In the API the goal leads to the clinic.
comment on constraint goal_progress_clinic_fkey on app_public.goal_progress is E'@behavior -*';
--! EndIncluded metrics/goal_progress_keys.sql
