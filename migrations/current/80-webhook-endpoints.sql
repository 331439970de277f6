do $$
begin
  if to_regtype('app_public.webhook_event_kind') is null then
    create type app_public.webhook_event_kind as enum (
      'appointment_created', 'appointment_changed', 'care_session_created', 'care_session_changed'
    );
  end if;
  if to_regtype('app_public.webhook_delivery_status') is null then
    create type app_public.webhook_delivery_status as enum ('waiting', 'delivered', 'failed');
  end if;
end
$$;

-- No name and no password in the address: it is shown to every administrator, and nothing in it is sealed.
create table if not exists app_public.webhook_endpoints (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null default app_hidden.default_organization_id()
    references app_public.organizations on delete cascade,
  url text not null,
  event_kinds app_public.webhook_event_kind[] not null,
  active boolean not null default true,
  secret_made_at timestamptz,
  failing_since timestamptz,
  disabled_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  unique (organization_id, id),
  constraint webhook_endpoints_url_is_plain
    check (length(url) <= 2000 and url ~ '^https?://[^\s/?#@\\]+([/?][^\s#\\]*)?$'),
  constraint webhook_endpoints_event_kinds_are_few check (cardinality(event_kinds) between 1 and 20),
  constraint webhook_endpoints_disabled_is_inactive check (disabled_at is null or not active)
);

-- Sealed like the secrets of integrations (src/integrations/credentials.ts). `expires_at` is null for the current one.
create table if not exists app_private.webhook_secrets (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null,
  endpoint_id uuid not null,
  key_id text not null,
  nonce bytea not null,
  ciphertext bytea not null,
  expires_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  unique (key_id, nonce),
  foreign key (organization_id, endpoint_id) references app_public.webhook_endpoints (organization_id, id)
    on delete cascade,
  constraint webhook_secrets_key_id_is_fingerprint check (key_id ~ '^[0-9a-f]{16}$'),
  constraint webhook_secrets_nonce_is_96_bits check (octet_length(nonce) = 12),
  constraint webhook_secrets_ciphertext_has_tag check (octet_length(ciphertext) between 17 and 200)
);
create unique index if not exists webhook_secrets_one_current_idx
  on app_private.webhook_secrets (organization_id, endpoint_id) where expires_at is null;
create index if not exists webhook_secrets_organization_id_endpoint_id_idx
  on app_private.webhook_secrets (organization_id, endpoint_id);

-- What is sent says no more than is here: ids and a kind.
create table if not exists app_public.webhook_deliveries (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null,
  clinic_id uuid not null,
  endpoint_id uuid not null,
  event_id uuid not null,
  event_kind app_public.webhook_event_kind not null,
  subject_ids uuid[] not null,
  happened_at timestamptz not null default now(),
  replay_of uuid,
  status app_public.webhook_delivery_status not null default 'waiting',
  attempts integer not null default 0,
  next_attempt_at timestamptz default now(),
  response_status integer,
  failure text,
  finished_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, id),
  foreign key (organization_id, clinic_id) references app_public.clinics (organization_id, id) on delete cascade,
  foreign key (organization_id, endpoint_id) references app_public.webhook_endpoints (organization_id, id)
    on delete cascade,
  constraint webhook_deliveries_subjects_are_few check (cardinality(subject_ids) between 1 and 150),
  constraint webhook_deliveries_attempts_are_counted check (attempts >= 0),
  constraint webhook_deliveries_failure_is_code check (failure ~ '^[a-z_]{1,50}$'),
  constraint webhook_deliveries_waits_for_attempt check ((status = 'waiting') = (next_attempt_at is not null)),
  constraint webhook_deliveries_finished_has_end check ((status = 'waiting') = (finished_at is null))
);
create index if not exists webhook_deliveries_organization_id_endpoint_id_idx
  on app_public.webhook_deliveries (organization_id, endpoint_id, id);
create index if not exists webhook_deliveries_organization_id_clinic_id_idx
  on app_public.webhook_deliveries (organization_id, clinic_id);
create index if not exists webhook_deliveries_organization_id_created_at_idx
  on app_public.webhook_deliveries (organization_id, created_at desc, id desc);

--!include tenancy/organization_memberships.sql
--!include outbound/acting_organization_ids.sql
--!include outbound/webhook_endpoints.sql
--!include outbound/webhook_secrets.sql
--!include outbound/webhook_deliveries.sql
