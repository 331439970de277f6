--! Previous: sha1:337bcc518875a8220b75983cfdb984b02961391b
--! Hash: sha1:16818e314fbc3623f7fb8873a80e91226173c7e3
--! Message: audit

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 040-audit.sql
-- Ids without foreign keys: what happened stays on record after the rows it happened to are gone.
create table if not exists app_audit.events (
  id uuid not null default app_hidden.uuid_v7(),
  occurred_at timestamptz not null default clock_timestamp(),
  transaction_id xid8 not null default pg_current_xact_id(),
  organization_id uuid,
  clinic_id uuid,
  actor_id uuid,
  session_id uuid,
  actor_role text not null,
  command text not null,
  table_name text not null,
  row_id uuid not null,
  changed_fields text[] not null,
  purpose_of_use text,
  request_id text,
  primary key (id, occurred_at),
  constraint events_command_is_known check (command in ('INSERT', 'UPDATE', 'DELETE')),
  constraint events_person_is_named check (actor_role <> 'app_user' or actor_id is not null)
) partition by range (occurred_at);
create index if not exists events_organization_id_occurred_at_idx
  on app_audit.events (organization_id, occurred_at desc, id);
create index if not exists events_actor_id_occurred_at_idx on app_audit.events (actor_id, occurred_at desc, id);
create index if not exists events_row_id_occurred_at_idx on app_audit.events (row_id, occurred_at desc);

--! Included audit/events.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_audit.events');

-- Only the audit trigger writes, in the transaction of the change. Nobody has update, delete or truncate.
create policy insert_definer on app_audit.events
  for insert to app_definer
  with check (transaction_id = pg_current_xact_id());

-- Administrators see their organization's trail, everybody their own; a superadmin sees all but what concerns the vault.
-- Read through audit_logs. Each arm of the boundary names a column that leads an index: a superadmin's own organizations
-- are all there are, so only what belongs to none needs an arm of its own.
create policy tenant_boundary on app_audit.events
  as restrictive to app_user
  using (
    organization_id = any (array(select app_hidden.my_organization_ids()))
    or actor_id = (select app_hidden.current_user_id())
    or (organization_id is null and (select app_hidden.is_superadmin()))
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
--! Included audit/create_partitions.sql
-- Makes the monthly partitions from the month of `first_day` on, where they are missing, each with row security of its own:
-- a partition that is queried directly ignores its parent's policies. The default partition takes what comes outside of
-- them, so that a missing month never stops a write.
create or replace function app_audit.create_partitions(first_day date = current_date, months integer = 3)
returns void as $$
declare
  v_month date;
  v_partition text;
begin
  for v_month in
    select date_trunc('month', create_partitions.first_day)::date + make_interval(months => m)
    from generate_series(0, create_partitions.months - 1) as m
  loop
    v_partition := format('app_audit.events_%s', to_char(v_month, 'YYYY_MM'));
    if to_regclass(v_partition) is null then
      execute format(
        'create table %s partition of app_audit.events for values from (%L) to (%L)',
        v_partition,
        v_month::timestamp at time zone 'UTC',
        (v_month + interval '1 month')::timestamp at time zone 'UTC'
      );
    end if;
  end loop;
  if to_regclass('app_audit.events_default') is null then
    create table app_audit.events_default partition of app_audit.events default;
  end if;

  for v_partition in
    select i.inhrelid::regclass::text from pg_catalog.pg_inherits i where i.inhparent = 'app_audit.events'::regclass
  loop
    perform app_private.reset_access(v_partition::regclass);
    execute format(
      'create or replace trigger _301_refuse_truncate before truncate on %s'
      ' for each statement execute function app_audit.tg_events__refuse_change()',
      v_partition
    );
    execute format('alter table %s enable always trigger _300_refuse_change', v_partition);
    execute format('alter table %s enable always trigger _301_refuse_truncate', v_partition);
  end loop;
end;
$$ language plpgsql volatile set search_path to '';
--! EndIncluded audit/create_partitions.sql
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
      array(select f.key from jsonb_each(n.record) as f where f.value <> 'null'::jsonb order by f.key),
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
--! Included audit/audited_tables.sql
-- Tables that are older than the audit. Every later one says `audit_changes` in its own fixture.
select app_private.audit_changes('app_public.users', 'id', '');
select app_private.audit_changes('app_public.profiles', 'user_id', '');
select app_private.audit_changes('app_private.user_identities', 'user_id', '');
select app_private.audit_changes('app_private.password_hashes', 'user_id', '');
select app_private.audit_changes('app_private.auth_sessions', 'id', '');
select app_private.audit_changes('app_public.organizations', 'id', 'id');
select app_private.audit_changes('app_public.clinics');
select app_private.audit_changes('app_public.organization_memberships');
select app_private.audit_changes('app_public.clinic_memberships');
select app_private.audit_changes('app_public.invitations');
--! EndIncluded audit/audited_tables.sql

select app_audit.create_partitions();
