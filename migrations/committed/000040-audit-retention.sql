--! Previous: sha1:83043aac83bb834acf8f8807b03ba0b3e9f1be32
--! Hash: sha1:ff43647be0b70cb5ae924ca2bc5af3b1f5971ef2
--! Message: audit-retention

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 60-audit-retention.sql
-- The audit's months made ahead, and removed when they have been kept long enough.
--! Included audit/tombstones_table.sql
-- What is left of a month of events that was removed: which events they were, and where their export is. Signed and chained
-- as checkpoints are, outside of the database.
create table if not exists app_audit.tombstones (
  sequence bigint primary key,
  covers_from timestamptz not null unique,
  covers_until timestamptz not null,
  event_count bigint not null,
  -- The checkpoints all of whose events are gone.
  whole_checkpoints int8multirange not null,
  -- Of the others: [checkpoint, organization, positions in its seal], as texts; `positions` is a multirange, counted from 0.
  partial_seals jsonb not null,
  file_name text not null,
  file_hash bytea not null,
  removed_at timestamptz not null,
  previous_hash bytea,
  key_id text not null,
  signature bytea not null,
  constraint tombstones_are_chained check ((sequence = 1) = (previous_hash is null)),
  constraint tombstones_cover_time check (covers_until > covers_from),
  constraint tombstones_count_events check (event_count >= 0),
  constraint tombstones_file_is_sha256 check (octet_length(file_hash) = 32),
  constraint tombstones_signature_is_ed25519 check (octet_length(signature) = 64)
);
--! EndIncluded audit/tombstones_table.sql
--! Included audit/create_partitions.sql
-- Makes the monthly partitions from the month of `first_day` on, where they are missing, each with row security of its own:
-- a partition that is queried directly ignores its parent's policies. The default partition takes what comes outside of
-- them, so that a missing month never stops a write; a month of which it holds events already stays with it.
-- A partition is made aside and attached, which lets others go on writing.
create or replace function app_audit.create_partitions(first_day date = current_date, months integer = 3)
returns void as $$
declare
  v_month date;
  v_partition text;
begin
  if to_regclass('app_audit.events_default') is null then
    create table app_audit.events_default partition of app_audit.events default;
  end if;
  for v_month in
    select date_trunc('month', create_partitions.first_day)::date + make_interval(months => m)
    from generate_series(0, create_partitions.months - 1) as m
  loop
    v_partition := format('app_audit.events_%s', to_char(v_month, 'YYYY_MM'));
    continue when to_regclass(v_partition) is not null;
    begin
      execute format('create table %s (like app_audit.events including defaults including constraints)', v_partition);
      execute format(
        'alter table app_audit.events attach partition %s for values from (%L) to (%L)',
        v_partition,
        v_month::timestamp at time zone 'UTC',
        (v_month + interval '1 month')::timestamp at time zone 'UTC'
      );
    exception
      when check_violation then
        raise warning 'The default partition of the audit holds events of %.', to_char(v_month, 'YYYY-MM');
    end;
  end loop;

  for v_partition in
    select i.inhrelid::regclass::text
    from pg_catalog.pg_inherits i
    where i.inhparent = 'app_audit.events'::regclass
    -- The statements below would lock a partition that has it all, and wait for whoever reads it.
    and not exists (
      select
      from pg_catalog.pg_class c
      join pg_catalog.pg_trigger t on t.tgrelid = c.oid
      where c.oid = i.inhrelid and c.relrowsecurity and c.relforcerowsecurity
      and t.tgname = '_301_refuse_truncate' and t.tgenabled = 'A'
    )
  loop
    perform app_private.reset_access(v_partition::regclass);
    execute format(
      'create or replace trigger _301_refuse_truncate before truncate on %s'
      ' for each statement execute function app_audit.tg_events__refuse_change()',
      v_partition
    );
    execute format('alter table %s enable always trigger _100_hash', v_partition);
    execute format('alter table %s enable always trigger _300_refuse_change', v_partition);
    execute format('alter table %s enable always trigger _301_refuse_truncate', v_partition);
  end loop;
end;
$$ language plpgsql volatile set search_path to '';

-- What the schedule calls, as `app_worker`, who owns nothing. Definer, and the owner's, because only a table's owner may give
-- it a partition; it takes no argument, and can do nothing but this. It gives up rather than make readers queue behind it.
create or replace function app_hidden.make_audit_partitions() returns void as $$
  select app_audit.create_partitions((now() at time zone 'UTC')::date, 6);
$$ language sql volatile security definer set search_path to '' set lock_timeout to '3s';

revoke execute on function app_hidden.make_audit_partitions() from public;
grant execute on function app_hidden.make_audit_partitions() to app_worker;

set local role app_definer;

-- For how many months after this one there is a partition, and how many events are in none. Definer, because it counts
-- what nobody else reads. What is after the last month or before the first can only be in the default partition: the
-- conditions are those by which Postgres leaves all others out.
create or replace function app_hidden.audit_partitions(out months_ahead int, out stray_events bigint) as $$
declare
  v_first timestamptz;
  v_end timestamptz;
begin
  select min(p.covers_from), max(p.covers_until) into v_first, v_end from app_hidden.audit_months() p;
  select coalesce(12 * extract(year from a.until_end) + extract(month from a.until_end) - 1, -1)
  into months_ahead
  from age(v_end at time zone 'UTC', date_trunc('month', now() at time zone 'UTC')) as a (until_end);
  select count(*) into stray_events
  from app_audit.events e
  where e.occurred_at >= coalesce(v_end, '-infinity') or e.occurred_at < v_first;
end;
$$ language plpgsql stable security definer set search_path to '';

-- The monthly partitions there are, oldest first, by their names.
create or replace function app_hidden.audit_months()
returns table (partition_name text, covers_from timestamptz, covers_until timestamptz) as $$
  select
    c.relname::text,
    to_date(right(c.relname, 7), 'YYYY_MM')::timestamp at time zone 'UTC',
    (to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month') at time zone 'UTC'
  from pg_catalog.pg_inherits i
  join pg_catalog.pg_class c on c.oid = i.inhrelid
  where i.inhparent = 'app_audit.events'::regclass and c.relname ~ '^events_\d{4}_\d{2}$'
  order by c.relname;
$$ language sql stable set search_path to '';

grant execute on function app_hidden.audit_partitions(), app_hidden.audit_months() to app_worker;

reset role;
--! EndIncluded audit/create_partitions.sql
--! Included audit/events.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_audit.events');

-- Only functions of the audit write, in their own transaction. Nobody has update, delete or truncate.
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

-- How old the oldest event is that no seal covers (operations/operational_state.sql), whose events a month has
-- (audit/remove_month.sql), what a patient is told (audit/patient_access_report.sql) and what a record was
-- (audit/record_as_of.sql).
create policy select_definer on app_audit.events
  for select to app_definer
  using (timeline > 0);

-- All of them: whoever verifies has to see what was sealed, and how much is not.
create policy select_sealer on app_audit.events
  for select to app_sealer
  using (timeline > 0);

grant usage on schema app_audit to app_user;
grant
  insert,
  select (
    id, occurred_at, timeline, transaction_id, organization_id, clinic_id, actor_id, on_behalf_of, actor_role, command,
    table_name, row_id, changed_fields, purpose_of_use, grant_id, patient_ids, changes, outcome
  )
on app_audit.events to app_definer;
grant select (
  id, occurred_at, organization_id, clinic_id, actor_id, actor_role, command, table_name, row_id, changed_fields,
  purpose_of_use, request_id
) on app_audit.events to app_user;
-- What audit_logs shows, and nothing else: no values, hashes, sessions or devices.
grant select (
  id, occurred_at, timeline, transaction_id, organization_id, clinic_id, actor_id, session_id, actor_role, command,
  table_name, row_id, changed_fields, purpose_of_use, request_id, on_behalf_of, address_hash, device_hash, operation,
  document_hash, grant_id, patient_ids, changes, row_count, outcome, error_code, hash_version, row_hash
) on app_audit.events to app_sealer;

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
  'One row for each row changed in any table with tenant or user data, written in the same transaction; one for each request that read patient data, written before its answer left; and one for each request that was refused.';
comment on column app_audit.events.actor_role is 'The database role that acted.';
comment on column app_audit.events.changed_fields is
  'Names of the fields that got another value (all that have one, for a new row), or that were read. Never the values.';
--! EndIncluded audit/events.sql
--! Included audit/tombstones.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_audit.tombstones');

-- The sealer alone appends, with the key that is not in the database; remove_month() looks for what it appended.
create policy insert_sealer on app_audit.tombstones
  for insert to app_sealer
  with check (sequence > 0);
create policy select_sealer on app_audit.tombstones
  for select to app_sealer
  using (sequence > 0);
create policy select_definer on app_audit.tombstones
  for select to app_definer
  using (sequence > 0);

grant
  select (
    sequence, covers_from, covers_until, event_count, whole_checkpoints, partial_seals, file_name, file_hash, removed_at,
    previous_hash, key_id, signature
  ),
  insert (
    sequence, covers_from, covers_until, event_count, whole_checkpoints, partial_seals, file_name, file_hash, removed_at,
    previous_hash, key_id, signature
  )
on app_audit.tombstones to app_sealer;
grant select (sequence, covers_from, covers_until, event_count) on app_audit.tombstones to app_definer;
-- No update or delete grant to anybody, as for seals.

-- Triggers --------------------------------------------------------------------

create or replace trigger _300_refuse_change
  before update or delete on app_audit.tombstones
  for each row
  execute function app_audit.tg_events__refuse_change();
create or replace trigger _301_refuse_truncate
  before truncate on app_audit.tombstones
  for each statement
  execute function app_audit.tg_events__refuse_change();
alter table app_audit.tombstones enable always trigger _300_refuse_change;
alter table app_audit.tombstones enable always trigger _301_refuse_truncate;

-- Documentation ---------------------------------------------------------------

comment on table app_audit.tombstones is
  'What is left of a month of events that was kept long enough, exported and removed. With it the seals still verify.';
--! EndIncluded audit/tombstones.sql
--! Included audit/remove_month.sql
set local role app_definer;

-- The months whose events are all older than six years, oldest first: until when the last of the organizations that have
-- events in it wants to keep it, and whether one of them is under a legal hold. A month goes as a whole, or it stays: what
-- is removed is then one file, and its proof one line. Definer, because it counts what nobody else reads.
create or replace function app_audit.old_months()
returns table (covers_from timestamptz, covers_until timestamptz, keep_until timestamptz, is_held boolean) as $$
  select
    m.covers_from,
    m.covers_until,
    m.covers_until + make_interval(years => greatest(6, max(p.keep_years))),
    bool_or(exists (
      select from app_audit.legal_holds h where h.organization_id = e.organization_id and h.released_at is null
    ))
  from app_hidden.audit_months() m
  left join lateral (
    select distinct o.organization_id
    from app_audit.events o
    where o.occurred_at >= m.covers_from and o.occurred_at < m.covers_until
  ) e on true
  left join app_audit.retention_policies p on p.organization_id = e.organization_id
  where m.covers_until <= now() - interval '6 years'
  group by m.covers_from, m.covers_until
  order by m.covers_from;
$$ language sql stable security definer set search_path to '';

-- Whether a month may go: its tombstone is there and says how many events there are, nobody has to keep them for longer, and
-- no legal hold stands. Raises otherwise.
create or replace function app_audit.demand_removable(first_day timestamptz) returns void as $$
declare
  v_month record;
  v_count bigint;
begin
  select * into v_month from app_audit.old_months() o where o.covers_from = demand_removable.first_day;
  if v_month.covers_from is null or v_month.keep_until > now() then
    raise exception 'The events of this month have to be kept for longer.' using errcode = 'DENYD';
  end if;
  if v_month.is_held then
    raise exception 'A legal hold stands on an organization that has events in this month.' using errcode = 'DENYD';
  end if;
  select count(*) into v_count
  from app_audit.events e
  where e.occurred_at >= v_month.covers_from and e.occurred_at < v_month.covers_until;
  if not exists (
    select from app_audit.tombstones t
    where t.covers_from = v_month.covers_from and t.covers_until = v_month.covers_until and t.event_count = v_count
  ) then
    raise exception 'The month has no tombstone that says how many events it has.' using errcode = 'DENYD';
  end if;
end;
$$ language plpgsql stable security definer set search_path to '';

revoke execute on function app_audit.old_months(), app_audit.demand_removable(timestamptz) from public;
grant execute on function app_audit.old_months() to app_sealer;
grant execute on function app_audit.demand_removable(timestamptz) to app_owner;

reset role;

-- Invoker: only the owner of the events can.
create or replace function app_audit.drop_month(first_day timestamptz) returns void as $$
begin
  execute format('drop table app_audit.events_%s', to_char(drop_month.first_day at time zone 'UTC', 'YYYY_MM'));
end;
$$ language plpgsql volatile set search_path to '';

-- The one way to remove events, for the sealer, who has just appended the tombstone. Definer, and the owner's, because only the
-- owner can take a partition away. It gives up rather than make others queue behind it.
create or replace function app_audit.remove_month(first_day timestamptz) returns void as $$
begin
  perform app_audit.demand_removable(remove_month.first_day);
  perform app_audit.drop_month(remove_month.first_day);
end;
$$ language plpgsql volatile strict security definer set search_path to '' set lock_timeout to '3s';

revoke execute on function app_audit.remove_month(timestamptz) from public;
grant execute on function app_audit.remove_month(timestamptz) to app_sealer;
--! EndIncluded audit/remove_month.sql
select app_audit.create_partitions((now() at time zone 'UTC')::date, 6);
