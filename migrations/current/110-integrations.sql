do $$
begin
  if to_regtype('app_public.integration_provider') is null then
    create type app_public.integration_provider as enum ('google_sheets', 'google_calendar');
  end if;
  if to_regtype('app_public.integration_schedule') is null then
    create type app_public.integration_schedule as enum ('manual', 'hourly', 'daily');
  end if;
  if to_regtype('app_public.integration_sync_status') is null then
    create type app_public.integration_sync_status as enum ('running', 'succeeded', 'failed');
  end if;
end
$$;

create table if not exists app_public.integrations (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null default app_hidden.default_organization_id(),
  clinic_id uuid not null default app_hidden.default_clinic_id(),
  provider app_public.integration_provider not null,
  name text not null,
  settings jsonb not null default '{}',
  schedule app_public.integration_schedule not null default 'manual',
  active boolean not null default true,
  connected_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  unique (organization_id, clinic_id, id),
  unique (organization_id, clinic_id, name),
  foreign key (organization_id, clinic_id) references app_public.clinics (organization_id, id) on delete restrict,
  constraint integrations_name_is_short check (length(name) between 1 and 200),
  constraint integrations_settings_is_small_object
    check (jsonb_typeof(settings) = 'object' and octet_length(settings::text) <= 16384)
);

-- AES-256-GCM, sealed by the gateway (src/integrations/credentials.ts): the database never has the key. 12 bytes of nonce,
-- and a ciphertext that ends with its 16 bytes of authentication tag. One nonce is never used twice with one key.
create table if not exists app_private.integration_credentials (
  integration_id uuid primary key,
  organization_id uuid not null,
  clinic_id uuid not null,
  key_id text not null,
  nonce bytea not null,
  ciphertext bytea not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  unique (key_id, nonce),
  foreign key (organization_id, clinic_id, integration_id)
    references app_public.integrations (organization_id, clinic_id, id) on delete cascade,
  constraint integration_credentials_key_id_is_fingerprint check (key_id ~ '^[0-9a-f]{16}$'),
  constraint integration_credentials_nonce_is_96_bits check (octet_length(nonce) = 12),
  constraint integration_credentials_ciphertext_has_tag check (octet_length(ciphertext) between 17 and 16400)
);
create index if not exists integration_credentials_organization_id_clinic_id_idx
  on app_private.integration_credentials (organization_id, clinic_id, integration_id);

create table if not exists app_public.integration_sync_runs (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null,
  clinic_id uuid not null,
  integration_id uuid not null,
  status app_public.integration_sync_status not null default 'running',
  started_at timestamptz not null default now(),
  finished_at timestamptz,
  rows_read integer not null default 0,
  rows_written integer not null default 0,
  failure text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  foreign key (organization_id, clinic_id, integration_id)
    references app_public.integrations (organization_id, clinic_id, id) on delete cascade,
  constraint integration_sync_runs_finished_has_end check ((status = 'running') = (finished_at is null)),
  constraint integration_sync_runs_ends_after_start check (finished_at >= started_at),
  constraint integration_sync_runs_failed_has_reason check ((status = 'failed') = (failure is not null)),
  constraint integration_sync_runs_failure_is_short check (length(failure) between 1 and 500),
  constraint integration_sync_runs_counts_are_positive check (rows_read >= 0 and rows_written >= 0)
);
create index if not exists integration_sync_runs_organization_id_clinic_id_idx
  on app_public.integration_sync_runs (organization_id, clinic_id, integration_id, started_at desc, id desc);
-- Two syncs of one integration would write over each other.
create unique index if not exists integration_sync_runs_one_at_a_time_idx
  on app_public.integration_sync_runs (organization_id, integration_id) where status = 'running';

--!include integrations/integrations.sql
--!include integrations/integration_sync_runs.sql
--!include integrations/integration_credentials.sql
--!include integrations/store_credential.sql
