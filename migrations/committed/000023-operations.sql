--! Previous: sha1:0b93405bb4687c2b37200562ee60f3142d2ae88d
--! Hash: sha1:3da48fda9888a9d8ee4c35895bb01d56836118e3
--! Message: operations

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 140-operations.sql
do $$
begin
  if to_regtype('app_public.consent_kind') is null then
    create type app_public.consent_kind as enum ('pipeda', 'marketing');
  end if;
end
$$;

-- Identity: what profiles' booleans were, and when; and the ids people had elsewhere.
create table if not exists app_public.consents (
  id uuid primary key default app_hidden.uuid_v7(),
  user_id uuid not null references app_public.users on delete cascade,
  kind app_public.consent_kind not null,
  granted boolean not null,
  created_at timestamptz not null default now()
);
create index if not exists consents_user_id_created_at_idx on app_public.consents (user_id, created_at desc, id);

create table if not exists app_private.user_id_map (
  legacy_id text primary key,
  user_id uuid not null unique references app_public.users on delete cascade,
  created_at timestamptz not null default now()
);

-- Audit: what seals, keeps and holds events.
create table if not exists app_audit.checkpoints (
  sequence bigint primary key,
  sealed_at timestamptz not null default clock_timestamp(),
  event_count bigint not null,
  root bytea not null,
  previous_hash bytea,
  key_id text not null,
  signature bytea not null,
  constraint checkpoints_are_chained check ((sequence = 1) = (previous_hash is null)),
  constraint checkpoints_root_is_sha256 check (octet_length(root) = 32),
  constraint checkpoints_signature_is_ed25519 check (octet_length(signature) = 64)
);

create table if not exists app_audit.seals (
  id uuid primary key default app_hidden.uuid_v7(),
  checkpoint_sequence bigint not null references app_audit.checkpoints on delete restrict,
  -- Null for the seal of events that belong to no organization.
  organization_id uuid,
  event_count bigint not null,
  first_event_id uuid not null,
  last_event_id uuid not null,
  merkle_root bytea not null,
  previous_seal_hash bytea,
  sealed_at timestamptz not null default clock_timestamp(),
  unique nulls not distinct (organization_id, checkpoint_sequence),
  constraint seals_count_events check (event_count > 0),
  constraint seals_root_is_sha256 check (octet_length(merkle_root) = 32)
);
create index if not exists seals_checkpoint_sequence_idx on app_audit.seals (checkpoint_sequence);

create table if not exists app_audit.retention_policies (
  organization_id uuid primary key references app_public.organizations on delete restrict,
  jurisdiction text not null,
  keep_years integer not null default 6,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  constraint retention_policies_keep_six_years check (keep_years between 6 and 100)
);

create table if not exists app_audit.legal_holds (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null references app_public.organizations on delete restrict,
  reason text not null,
  released_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  unique (organization_id, id)
);

-- Jobs: what failed for good, and what failed without losing the write.
create table if not exists app_public.job_dead_letters (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid references app_public.organizations on delete cascade,
  task text not null,
  payload jsonb not null,
  error_code text not null,
  attempts integer not null,
  resolved_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index if not exists job_dead_letters_organization_id_created_at_idx
  on app_public.job_dead_letters (organization_id, created_at desc, id);

create table if not exists app_public.trigger_failures (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid references app_public.organizations on delete cascade,
  trigger_name text not null,
  table_name text not null,
  record_id uuid,
  error_code text not null,
  created_at timestamptz not null default now(),
  resolved_at timestamptz
);
create index if not exists trigger_failures_organization_id_created_at_idx
  on app_public.trigger_failures (organization_id, created_at desc, id);

-- Backfills: the operator's own, so in the private schema.
create table if not exists app_private.backfill_runs (
  id uuid primary key default app_hidden.uuid_v7(),
  name text not null,
  status text not null default 'running',
  rows_total bigint,
  rows_done bigint not null default 0,
  started_at timestamptz not null default now(),
  finished_at timestamptz,
  constraint backfill_runs_status_is_known check (status in ('running', 'finished', 'failed', 'reverted'))
);

create table if not exists app_private.backfill_batches (
  run_id uuid not null references app_private.backfill_runs on delete cascade,
  number integer not null,
  first_key text not null,
  last_key text not null,
  rows_changed bigint not null,
  finished_at timestamptz not null default now(),
  primary key (run_id, number)
);

create table if not exists app_private.backfill_issues (
  id uuid primary key default app_hidden.uuid_v7(),
  run_id uuid not null references app_private.backfill_runs on delete cascade,
  table_name text not null,
  row_id uuid not null,
  problem text not null,
  created_at timestamptz not null default now()
);
create index if not exists backfill_issues_run_id_idx on app_private.backfill_issues (run_id);

create table if not exists app_private.backfill_originals (
  run_id uuid not null references app_private.backfill_runs on delete restrict,
  table_name text not null,
  row_id uuid not null,
  original jsonb not null,
  saved_at timestamptz not null default now(),
  primary key (run_id, table_name, row_id)
);

--! Included identity/consents.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.consents');

create policy select_self on app_public.consents
  for select to app_user
  using (user_id = (select app_hidden.current_user_id()));

-- Written by the trigger of profiles only, so that history and booleans cannot disagree.
create policy insert_definer on app_public.consents
  for insert to app_definer
  with check (user_id is not null);

grant select (id, user_id, kind, granted, created_at) on app_public.consents to app_user;
grant insert (user_id, kind, granted) on app_public.consents to app_definer;
-- No update or delete grant: what somebody agreed to, and when, stays.

-- Triggers --------------------------------------------------------------------

select app_private.audit_changes('app_public.consents', 'id', '');

set local role app_definer;

create or replace function app_private.tg_profiles__record_consents() returns trigger as $$
begin
  insert into app_public.consents (user_id, kind, granted)
  select NEW.user_id, c.kind::app_public.consent_kind, c.is_granted
  from (values
    ('pipeda', NEW.consent_pipeda, TG_OP = 'UPDATE' and OLD.consent_pipeda),
    ('marketing', NEW.consent_marketing, TG_OP = 'UPDATE' and OLD.consent_marketing)
  ) as c (kind, is_granted, was_granted)
  where c.is_granted <> c.was_granted;
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_private.tg_profiles__record_consents() to app_owner;

reset role;

create or replace trigger _500_record_consents
  after insert or update of consent_pipeda, consent_marketing on app_public.profiles
  for each row
  execute function app_private.tg_profiles__record_consents();

-- Documentation ---------------------------------------------------------------

comment on table app_public.consents is 'What a person agreed to or took back, and when. The profile shows how it stands now.';
comment on column app_public.consents.id is 'The entry’s id.';
comment on column app_public.consents.user_id is 'The person.';
comment on column app_public.consents.kind is 'What it is about.';
comment on column app_public.consents.granted is 'True where the person agreed, false where they took it back.';
comment on column app_public.consents.created_at is 'When.';
comment on type app_public.consent_kind is '@value pipeda The handling of personal data (PIPEDA).
@value marketing News that is not about care.
What a person is asked to agree to.';
--! EndIncluded identity/consents.sql
--! Included identity/user_id_map.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_private.user_id_map');
create policy all_definer on app_private.user_id_map to app_definer using (true) with check (true);
grant select, insert (legacy_id, user_id), delete on app_private.user_id_map to app_definer;

-- Triggers --------------------------------------------------------------------

select app_private.audit_changes('app_private.user_id_map', 'user_id', '');

set local role app_definer;

-- While both ids live, users.legacy_id and the map say the same (R70), whichever way the user came.
create or replace function app_private.tg_users__map_legacy_id() returns trigger as $$
begin
  if TG_OP = 'UPDATE' then
    delete from app_private.user_id_map m where m.user_id = NEW.id and m.legacy_id is distinct from NEW.legacy_id;
  end if;
  if NEW.legacy_id is not null then
    insert into app_private.user_id_map (legacy_id, user_id)
    values (NEW.legacy_id, NEW.id)
    on conflict do nothing;
  end if;
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_private.tg_users__map_legacy_id() to app_owner;

reset role;

create or replace trigger _200_map_legacy_id
  after insert or update of legacy_id on app_public.users
  for each row
  execute function app_private.tg_users__map_legacy_id();

-- Documentation ---------------------------------------------------------------

comment on table app_private.user_id_map is 'Which user an id of the former system is. Held to users.legacy_id by a trigger.';
--! EndIncluded identity/user_id_map.sql
--! Included audit/seals.sql
-- Access ----------------------------------------------------------------------

-- Nobody but the owner's DDL and a backup reaches these yet: the sealer runs as a role of its own.
select app_private.reset_access('app_audit.checkpoints');
select app_private.reset_access('app_audit.seals');

create policy insert_definer on app_audit.checkpoints
  for insert to app_definer
  with check (sequence > 0);
create policy select_definer on app_audit.checkpoints
  for select to app_definer
  using (sequence > 0);
create policy insert_definer on app_audit.seals
  for insert to app_definer
  with check (event_count > 0);
create policy select_definer on app_audit.seals
  for select to app_definer
  using (event_count > 0);

grant select, insert (sequence, event_count, root, previous_hash, key_id, signature)
on app_audit.checkpoints to app_definer;
grant
  select,
  insert (
    checkpoint_sequence, organization_id, event_count, first_event_id, last_event_id, merkle_root, previous_seal_hash
  )
on app_audit.seals to app_definer;
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
--! Included audit/retention.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_audit.retention_policies');
select app_private.reset_access('app_audit.legal_holds');

-- The operator's decisions, made outside of the API: no request role has a grant.
create policy select_definer on app_audit.retention_policies
  for select to app_definer
  using (keep_years >= 6);
create policy select_definer on app_audit.legal_holds
  for select to app_definer
  using (organization_id is not null);
grant select on app_audit.retention_policies, app_audit.legal_holds to app_definer;

select app_private.allow_data_role('app_audit.retention_policies');
select app_private.allow_data_role('app_audit.legal_holds');

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_audit.retention_policies');
select app_private.install_row_triggers('app_audit.legal_holds');
select app_private.audit_changes('app_audit.retention_policies', 'organization_id');
select app_private.audit_changes('app_audit.legal_holds');

-- Documentation ---------------------------------------------------------------

comment on table app_audit.retention_policies is 'For how long an organization’s events are kept: six years at least.';
comment on table app_audit.legal_holds is 'While a hold stands, none of the organization’s events is removed, however old.';
--! EndIncluded audit/retention.sql
--! Included audit/audit_logs.sql
-- The audit under its askers' name and columns (R33, R45): who did what to which record, without content.
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
  from app_audit.events e;

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
--! Included jobs/failures.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.job_dead_letters');
select app_private.reset_access('app_public.trigger_failures');

create policy tenant_boundary on app_public.job_dead_letters
  as restrictive to app_user
  using (
    organization_id = any (array(select app_hidden.my_organization_ids()))
    or (organization_id is null and (select app_hidden.is_superadmin()))
  )
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));
create policy select_administrator on app_public.job_dead_letters
  for select to app_user
  using (
    organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
    or (select app_hidden.is_superadmin())
  );
-- A job that belongs to an organization is parked there; a system job belongs to none.
create policy insert_worker on app_public.job_dead_letters
  for insert to app_worker
  with check (organization_id is not distinct from (select app_hidden.current_organization_id()));

create policy tenant_boundary on app_public.trigger_failures
  as restrictive to app_user
  using (
    organization_id = any (array(select app_hidden.my_organization_ids()))
    or (organization_id is null and (select app_hidden.is_superadmin()))
  )
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));
create policy select_administrator on app_public.trigger_failures
  for select to app_user
  using (
    organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
    or (select app_hidden.is_superadmin())
  );
create policy insert_definer on app_public.trigger_failures
  for insert to app_definer
  with check (resolved_at is null);

-- Payloads hold ids only, and stay the operator's and the worker's business.
grant select (id, organization_id, task, error_code, attempts, resolved_at, created_at, updated_at)
on app_public.job_dead_letters to app_user;
grant insert (organization_id, task, payload, error_code, attempts) on app_public.job_dead_letters to app_worker;
grant select (id, organization_id, trigger_name, table_name, record_id, error_code, created_at, resolved_at)
on app_public.trigger_failures to app_user;
grant insert (organization_id, trigger_name, table_name, record_id, error_code)
on app_public.trigger_failures to app_definer;

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.job_dead_letters');
select app_private.audit_changes('app_public.job_dead_letters');
select app_private.audit_changes('app_public.trigger_failures');

set local role app_definer;

-- What an advisory rule's trigger does with its own failure: on record, and the write goes on.
create or replace function app_private.record_trigger_failure(
  organization_id uuid,
  trigger_name text,
  table_name text,
  record_id uuid,
  error_code text
) returns void as $$
  insert into app_public.trigger_failures (organization_id, trigger_name, table_name, record_id, error_code)
  values (
    record_trigger_failure.organization_id,
    record_trigger_failure.trigger_name,
    record_trigger_failure.table_name,
    record_trigger_failure.record_id,
    record_trigger_failure.error_code
  );
$$ language sql volatile security definer set search_path to '';

grant execute on function app_private.record_trigger_failure(uuid, text, text, uuid, text) to app_owner;

reset role;

-- Documentation ---------------------------------------------------------------

comment on table app_public.job_dead_letters is 'A job that failed for good and waits for somebody to look at it.';
comment on column app_public.job_dead_letters.id is 'The entry’s id.';
comment on column app_public.job_dead_letters.organization_id is 'The organization the job worked for; null for the system’s.';
comment on column app_public.job_dead_letters.task is 'What kind of job it was.';
comment on column app_public.job_dead_letters.payload is E'@behavior -select\nIds the job was given.';
comment on column app_public.job_dead_letters.error_code is 'Why it failed.';
comment on column app_public.job_dead_letters.attempts is 'How often it was tried.';
comment on column app_public.job_dead_letters.resolved_at is 'When somebody settled it.';
comment on column app_public.job_dead_letters.created_at is 'When it was given up.';
comment on column app_public.job_dead_letters.updated_at is 'When the entry last changed.';
comment on table app_public.trigger_failures is 'A rule that only advises failed; the write it belonged to went through.';
comment on column app_public.trigger_failures.id is 'The entry’s id.';
comment on column app_public.trigger_failures.organization_id is 'The organization of the record.';
comment on column app_public.trigger_failures.trigger_name is 'The rule.';
comment on column app_public.trigger_failures.table_name is 'The table of the record.';
comment on column app_public.trigger_failures.record_id is 'The record.';
comment on column app_public.trigger_failures.error_code is 'Postgres’ code for what went wrong.';
comment on column app_public.trigger_failures.created_at is 'When.';
comment on column app_public.trigger_failures.resolved_at is 'When somebody settled it.';
--! EndIncluded jobs/failures.sql
--! Included operations/backfills.sql
-- Access ----------------------------------------------------------------------

-- The operator's own records of data migrations. `app_data` writes its runs; nobody else has a grant.
select app_private.reset_access('app_private.backfill_runs');
select app_private.reset_access('app_private.backfill_batches');
select app_private.reset_access('app_private.backfill_issues');
select app_private.reset_access('app_private.backfill_originals');

create policy all_data on app_private.backfill_runs to app_data using (name <> '') with check (name <> '');
create policy all_data on app_private.backfill_batches to app_data using (number > 0) with check (number > 0);
create policy all_data on app_private.backfill_issues to app_data using (problem <> '') with check (problem <> '');
-- Originals hold patients' data as it was: only of the organizations that the run declares.
create policy all_in_data_scope on app_private.backfill_originals
  to app_data
  using ((original ->> 'organization_id')::uuid = any (app_hidden.data_scope()))
  with check ((original ->> 'organization_id')::uuid = any (app_hidden.data_scope()));

grant usage on schema app_private to app_data;
grant select, insert (name, rows_total), update (status, rows_done, rows_total, finished_at)
on app_private.backfill_runs to app_data;
grant select, insert (run_id, number, first_key, last_key, rows_changed) on app_private.backfill_batches to app_data;
grant select, insert (run_id, table_name, row_id, problem) on app_private.backfill_issues to app_data;
grant select, insert (run_id, table_name, row_id, original), delete on app_private.backfill_originals to app_data;

-- Documentation ---------------------------------------------------------------

comment on table app_private.backfill_runs is 'One run of a data migration; a run that was interrupted goes on from its last batch.';
comment on table app_private.backfill_batches is 'A batch that is done, recorded in the same transaction as its changes.';
comment on table app_private.backfill_issues is 'A row that a run could not bring over, and why.';
comment on table app_private.backfill_originals is 'What a changed row was before, so that a run can be reversed.';
--! EndIncluded operations/backfills.sql
