--! Previous: sha1:120d40db75a6c88b256105add81ac5ccc79b02f2
--! Hash: sha1:0e94583085b3be76be91cc2bb5e27cd2b25e7900
--! Message: audit-evidence

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 300-audit-evidence.sql
--! Included foundation/reset_access.sql
-- Each table's fixture starts its access section with this: row security enabled and forced, no policy, no grant. What
-- stands below the call is then the whole truth; a policy that was renamed or deleted in the file is really gone.
create or replace function app_private.reset_access(target regclass) returns void as $$
declare
  v_name name;
begin
  execute format('alter table %s enable row level security', reset_access.target);
  execute format('alter table %s force row level security', reset_access.target);
  for v_name in select p.polname from pg_catalog.pg_policy p where p.polrelid = reset_access.target loop
    execute format('drop policy %I on %s', v_name, reset_access.target);
  end loop;
  -- Revoking a table's privilege revokes it from every column too.
  execute format(
    'revoke all on %s from public, app_anonymous, app_user, app_worker, app_data, app_definer, app_authenticator,'
    ' app_sealer',
    reset_access.target
  );
  execute format('grant select on %s to app_backup', reset_access.target);
  perform app_private.allow_explaining(reset_access.target);
end;
$$ language plpgsql volatile set search_path to '';

-- Lets imports and backfills write the rows of the organizations they have declared, and no others.
-- The sub-select reads the scope once a statement: once a row, a few hundred organizations made an import 10 times slower.
create or replace function app_private.allow_data_role(target regclass, organization_column name = 'organization_id')
returns void as $$
begin
  execute format(
    'create policy all_in_data_scope on %s to app_data'
    ' using (%2$I = any ((select app_hidden.data_scope())::uuid[]))'
    ' with check (%2$I = any ((select app_hidden.data_scope())::uuid[]))',
    allow_data_role.target,
    allow_data_role.organization_column
  );
  execute format('grant select, insert, update on %s to app_data', allow_data_role.target);
end;
$$ language plpgsql volatile set search_path to '';
--! EndIncluded foundation/reset_access.sql
--! Included audit/event_evidence.sql
-- What makes a changed or removed event show (audit/seals.sql): the hash of its content, and the transaction by which the
-- sealer knows that no earlier event can still appear.
alter table app_audit.events
  -- Transaction ids start anew in a restored cluster; `audit seal --new-timeline` then counts this up.
  add column if not exists timeline integer not null default 1,
  -- Which canonical form `row_hash` is of; a new column of an event is a new form.
  add column if not exists hash_version smallint not null default 1,
  add column if not exists row_hash bytea;

-- The sealer's order. Rows arrive in it, so that keeping the index costs little.
create index if not exists events_timeline_transaction_id_idx on app_audit.events (timeline, transaction_id);
--! EndIncluded audit/event_evidence.sql
--! Included audit/hash_event.sql
set local role app_definer;

-- SHA-256 of all that an event says, as the text of one JSON array, which no two events share.
-- src/audit/canonicalEvent.ts makes the same text without the database. What the statement brought as hash is replaced.
create or replace function app_audit.tg_events__hash() returns trigger as $$
begin
  NEW.hash_version := 1;
  NEW.row_hash := sha256(convert_to(
    json_build_array(
      'event/1',
      NEW.id,
      (extract(epoch from NEW.occurred_at) * 1000000)::bigint::text,
      NEW.timeline,
      NEW.transaction_id::text,
      NEW.organization_id,
      NEW.clinic_id,
      NEW.actor_id,
      NEW.session_id,
      NEW.actor_role,
      NEW.command,
      NEW.table_name,
      NEW.row_id,
      NEW.changed_fields,
      NEW.purpose_of_use,
      NEW.request_id
    )::text,
    'UTF8'
  ));
  return NEW;
end;
$$ language plpgsql volatile set search_path to '';

grant execute on function app_audit.tg_events__hash() to app_owner;

reset role;

create or replace trigger _100_hash
  before insert on app_audit.events
  for each row
  execute function app_audit.tg_events__hash();
alter table app_audit.events enable always trigger _100_hash;

-- Documentation ---------------------------------------------------------------

comment on column app_audit.events.row_hash is 'SHA-256 of the other columns, in the canonical form of hash_version.';
--! EndIncluded audit/hash_event.sql
--! Included audit/seal_evidence.sql
-- A checkpoint covers the transactions of one timeline from `first_transaction` up to, but without, `horizon`: no event is
-- marked as sealed, so none is ever updated.
alter table app_audit.checkpoints
  add column if not exists timeline integer not null default 1,
  add column if not exists first_transaction xid8 not null default '0',
  add column if not exists horizon xid8 not null default '0',
  -- pg_control_system()'s: another one means another cluster, whose transaction ids are not comparable.
  add column if not exists system_identifier bigint not null default 0;

-- The leaves of `merkle_root`, 32 bytes each, in order: with them verifying can name the event that differs.
alter table app_audit.seals add column if not exists leaf_hashes bytea not null default '';

do $$
begin
  if not exists (
    select from pg_catalog.pg_constraint k
    where k.conrelid = 'app_audit.seals'::regclass and k.conname = 'seals_leaves_are_sha256'
  ) then
    alter table app_audit.seals
      add constraint seals_leaves_are_sha256 check (octet_length(leaf_hashes) = 32 * event_count);
    alter table app_audit.checkpoints
      add constraint checkpoints_cover_transactions check (horizon > first_transaction);
  end if;
end
$$;

-- No row has these by default.
alter table app_audit.checkpoints
  alter column timeline drop default,
  alter column first_transaction drop default,
  alter column horizon drop default,
  alter column system_identifier drop default;
alter table app_audit.seals alter column leaf_hashes drop default;
--! EndIncluded audit/seal_evidence.sql
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

-- How old the oldest event is that no seal covers (operations/operational_state.sql): no content.
create policy select_definer on app_audit.events
  for select to app_definer
  using (timeline > 0);

-- All of them: whoever verifies has to see what was sealed, and how much is not.
create policy select_sealer on app_audit.events
  for select to app_sealer
  using (timeline > 0);

grant usage on schema app_audit to app_user;
grant insert, select (occurred_at, timeline, transaction_id) on app_audit.events to app_definer;
grant select (
  id, occurred_at, organization_id, clinic_id, actor_id, actor_role, command, table_name, row_id, changed_fields,
  purpose_of_use, request_id
) on app_audit.events to app_user;
grant select (
  id, occurred_at, timeline, transaction_id, organization_id, clinic_id, actor_id, session_id, actor_role, command,
  table_name, row_id, changed_fields, purpose_of_use, request_id, hash_version, row_hash
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
  'One row for each row changed in any table with tenant or user data, written in the same transaction.';
comment on column app_audit.events.actor_role is 'The database role that made the change.';
comment on column app_audit.events.changed_fields is
  'Names of the fields that got another value (all that have one, for a new row). Never the values.';
--! EndIncluded audit/events.sql
--! Included audit/seals.sql
-- Access ----------------------------------------------------------------------

-- The sealer alone appends; it signs with a key that is not in the database.
select app_private.reset_access('app_audit.checkpoints');
select app_private.reset_access('app_audit.seals');

create policy insert_sealer on app_audit.checkpoints
  for insert to app_sealer
  with check (sequence > 0);
create policy select_sealer on app_audit.checkpoints
  for select to app_sealer
  using (sequence > 0);
-- Up to where it is sealed, for operations/operational_state.sql.
create policy select_definer on app_audit.checkpoints
  for select to app_definer
  using (sequence > 0);
create policy insert_sealer on app_audit.seals
  for insert to app_sealer
  with check (event_count > 0);
create policy select_sealer on app_audit.seals
  for select to app_sealer
  using (event_count > 0);

grant usage on schema app_audit, app_hidden to app_sealer;
grant execute on function app_hidden.uuid_v7() to app_sealer;
grant
  select (
    sequence, timeline, first_transaction, horizon, system_identifier, sealed_at, event_count, root, previous_hash, key_id,
    signature
  ),
  insert (
    sequence, timeline, first_transaction, horizon, system_identifier, sealed_at, event_count, root, previous_hash, key_id,
    signature
  )
on app_audit.checkpoints to app_sealer;
grant
  select (
    id, checkpoint_sequence, organization_id, event_count, first_event_id, last_event_id, merkle_root, leaf_hashes,
    previous_seal_hash
  ),
  insert (
    checkpoint_sequence, organization_id, event_count, first_event_id, last_event_id, merkle_root, leaf_hashes,
    previous_seal_hash
  )
on app_audit.seals to app_sealer;
grant select (sequence, timeline, horizon) on app_audit.checkpoints to app_definer;
-- No update or delete grant to anybody: a seal that can be changed seals nothing.

-- Triggers --------------------------------------------------------------------

create or replace trigger _300_refuse_change
  before update or delete on app_audit.checkpoints
  for each row
  execute function app_audit.tg_events__refuse_change();
create or replace trigger _301_refuse_truncate
  before truncate on app_audit.checkpoints
  for each statement
  execute function app_audit.tg_events__refuse_change();
create or replace trigger _300_refuse_change
  before update or delete on app_audit.seals
  for each row
  execute function app_audit.tg_events__refuse_change();
create or replace trigger _301_refuse_truncate
  before truncate on app_audit.seals
  for each statement
  execute function app_audit.tg_events__refuse_change();

alter table app_audit.checkpoints enable always trigger _300_refuse_change;
alter table app_audit.checkpoints enable always trigger _301_refuse_truncate;
alter table app_audit.seals enable always trigger _300_refuse_change;
alter table app_audit.seals enable always trigger _301_refuse_truncate;

-- Documentation ---------------------------------------------------------------

comment on table app_audit.checkpoints is
  'The signed chain over all seals: each names the hash of the one before, and its signature comes from outside the database.';
comment on table app_audit.seals is 'Merkle root of the events of one organization that a checkpoint covers.';
--! EndIncluded audit/seals.sql
--! Included operations/operational_state.sql
set local role app_definer;

-- How the installation does, in numbers of the whole: for the gateway, which asks as `app_anonymous`, since the role that it
-- signs in with has no privilege of its own. Definer, because no role of a request sees the queue, the workers or the seals.
-- Seconds are null where there is nothing to count from: no worker was ever started, or nothing was ever sealed.
create or replace function app_hidden.operational_state(
  out worker_silent_seconds float8,
  out audit_unsealed_seconds float8,
  out jobs_waiting int,
  out jobs_running int,
  out jobs_failed int,
  out oldest_job_seconds float8
) as $$
begin
  -- The worker that was heard last; one that has stopped in order is not missed.
  select extract(epoch from clock_timestamp() - max(h.beaten_at))
  into worker_silent_seconds
  from app_private.worker_heartbeats h
  where h.stopped_at is null;

  -- What the next checkpoint will cover; null where nothing was ever sealed.
  select coalesce(extract(epoch from clock_timestamp() - min(e.occurred_at)), 0)
  into audit_unsealed_seconds
  from (select c.timeline, c.horizon from app_audit.checkpoints c order by c.sequence desc limit 1) as last
  left join app_audit.events e
    on e.timeline > last.timeline
    or (e.timeline = last.timeline and e.transaction_id >= last.horizon)
  group by last.timeline;

  -- The queue is short, or something is wrong; then how wrong does not matter to the last job.
  select
    count(*) filter (where j.locked_at is null and j.attempts < j.max_attempts and j.run_at <= now()),
    count(*) filter (where j.locked_at is not null),
    count(*) filter (where j.locked_at is null and j.attempts >= j.max_attempts),
    coalesce(extract(epoch from now() - min(j.run_at) filter (
      where j.locked_at is null and j.attempts < j.max_attempts and j.run_at <= now()
    )), 0)
  into jobs_waiting, jobs_running, jobs_failed, oldest_job_seconds
  from (
    select q.locked_at, q.attempts, q.max_attempts, q.run_at
    from graphile_worker._private_jobs q
    limit 100000
  ) as j;
end;
$$ language plpgsql stable security definer set search_path to '';

grant execute on function app_hidden.operational_state() to app_anonymous;

reset role;
--! EndIncluded operations/operational_state.sql
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
select app_audit.create_partitions();
