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

--!include identity/consents.sql
--!include identity/user_id_map.sql
--!include audit/seals.sql
--!include audit/retention.sql
--!include audit/audit_logs.sql
--!include jobs/failures.sql
--!include operations/backfills.sql
