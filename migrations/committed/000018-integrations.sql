--! Previous: sha1:91abe0990306da8f14da75318ad71d41ca873c0f
--! Hash: sha1:a25b95bfb7ef1e7b7854e1447de051695908c88e
--! Message: integrations

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 110-integrations.sql
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
grant select (id, organization_id, clinic_id), update (connected_at) on app_public.integrations to app_definer;
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
  'Which document, which sheet and the like, as one JSON object of at most 16 kB. No secrets: everybody in the clinic reads it.';
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
-- A run that has ended is history.
create policy update_worker on app_public.integration_sync_runs
  for update to app_worker
  using (organization_id = (select app_hidden.current_organization_id()) and status = 'running')
  with check (organization_id = (select app_hidden.current_organization_id()));

grant select (
  id, organization_id, clinic_id, integration_id, status, started_at, finished_at, rows_read, rows_written, failure,
  created_at, updated_at
) on app_public.integration_sync_runs to app_user;
-- No write grant for requests.
grant
  select (id, organization_id, clinic_id, integration_id, status, started_at, finished_at, rows_read, rows_written),
  insert (organization_id, clinic_id, integration_id),
  update (status, finished_at, rows_read, rows_written, failure)
on app_public.integration_sync_runs to app_worker;

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.integration_sync_runs');
select app_private.audit_changes('app_public.integration_sync_runs');

-- Documentation ---------------------------------------------------------------

comment on table app_public.integration_sync_runs is 'One sync of an integration: when, how much, and how it went.';
comment on column app_public.integration_sync_runs.id is 'The run’s id.';
comment on column app_public.integration_sync_runs.organization_id is 'The organization that runs the clinic.';
comment on column app_public.integration_sync_runs.clinic_id is 'The clinic.';
comment on column app_public.integration_sync_runs.integration_id is 'What was synced.';
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
--! EndIncluded integrations/integration_sync_runs.sql
--! Included integrations/integration_credentials.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_private.integration_credentials');

-- No request role has a grant on app_private. The functions of store_credential.sql act with the rights of their caller:
-- who runs the clinic writes, and the worker, which is nobody, reads inside the organization of its job.
create policy write_definer on app_private.integration_credentials
  to app_definer
  using (clinic_id = any (array(select app_hidden.administered_clinic_ids())))
  with check (clinic_id = any (array(select app_hidden.administered_clinic_ids())));
create policy select_definer_for_job on app_private.integration_credentials
  for select to app_definer
  using (
    (select app_private.acting_role()) = 'app_worker'
    and organization_id = (select app_hidden.current_organization_id())
  );

grant
  select (integration_id, organization_id, clinic_id, key_id, nonce, ciphertext),
  insert (integration_id, organization_id, clinic_id, key_id, nonce, ciphertext),
  update (key_id, nonce, ciphertext),
  delete
on app_private.integration_credentials to app_definer;

-- Triggers --------------------------------------------------------------------

select app_private.audit_changes('app_private.integration_credentials', 'integration_id');

create or replace trigger _100_stamp
  before insert or update on app_private.integration_credentials
  for each row
  execute function app_private.tg__stamp();

-- The seal binds a secret to its integration; the row stays there too.
create or replace trigger _300_refuse_move
  before update on app_private.integration_credentials
  for each row
  when (
    (OLD.integration_id, OLD.organization_id, OLD.clinic_id)
      is distinct from (NEW.integration_id, NEW.organization_id, NEW.clinic_id)
  )
  execute function app_private.tg__refuse_move();

-- Documentation ---------------------------------------------------------------

comment on table app_private.integration_credentials is
  'The secret of an integration, sealed with AES-256-GCM under a key that only the gateway and the worker are given.';
comment on column app_private.integration_credentials.key_id is
  'Which key it was sealed with: the first 16 hex digits of the key’s SHA-256.';
--! EndIncluded integrations/integration_credentials.sql
--! Included integrations/store_credential.sql
set local role app_definer;

-- Definer functions, because no request role reaches app_private; the policies there ask for the caller's own rights, so
-- that an integration which is not there and one that is not the caller's to run give the same answer.

-- Takes what the gateway has sealed. Not in the API: `connectIntegration` of the gateway takes the secret and calls this.
create or replace function app_hidden.store_credential(
  integration_id uuid,
  key_id text,
  nonce bytea,
  ciphertext bytea
) returns void as $$
begin
  insert into app_private.integration_credentials as c (
    integration_id, organization_id, clinic_id, key_id, nonce, ciphertext
  )
  select
    i.id, i.organization_id, i.clinic_id, store_credential.key_id, store_credential.nonce, store_credential.ciphertext
  from app_public.integrations i
  where i.id = store_credential.integration_id
  and i.organization_id = any (array(select app_hidden.organization_ids_with_feature('integrations')))
  on conflict on constraint integration_credentials_pkey do update
  set key_id = excluded.key_id, nonce = excluded.nonce, ciphertext = excluded.ciphertext;
  if not found then
    raise exception 'There is no such integration.' using errcode = 'NTFND';
  end if;
  update app_public.integrations i
  set connected_at = now()
  where i.id = store_credential.integration_id;
end;
$$ language plpgsql volatile strict security definer set search_path to '';

create or replace function app_hidden.forget_credential(integration_id uuid) returns void as $$
begin
  update app_public.integrations i
  set connected_at = null
  where i.id = forget_credential.integration_id;
  if not found then
    raise exception 'There is no such integration.' using errcode = 'NTFND';
  end if;
  delete from app_private.integration_credentials c
  where c.integration_id = forget_credential.integration_id;
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- What a sync opens with the key it was given. For the worker, inside the organization of its job.
create or replace function app_hidden.sealed_credential(integration_id uuid)
returns table (key_id text, nonce bytea, ciphertext bytea) as $$
  select c.key_id, c.nonce, c.ciphertext
  from app_private.integration_credentials c
  where c.integration_id = sealed_credential.integration_id;
$$ language sql stable strict parallel safe security definer set search_path to '';

grant execute on function
  app_hidden.store_credential(uuid, text, bytea, bytea),
  app_hidden.forget_credential(uuid)
to app_user;
grant execute on function app_hidden.sealed_credential(uuid) to app_worker;

reset role;

create or replace function app_public.disconnect_integration(integration_id uuid) returns app_public.integrations as $$
declare
  v_integration app_public.integrations;
begin
  perform app_hidden.forget_credential(disconnect_integration.integration_id);
  select * into v_integration
  from app_public.integrations i
  where i.id = disconnect_integration.integration_id;
  return v_integration;
end;
$$ language plpgsql volatile strict set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_public.disconnect_integration(uuid) to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.disconnect_integration(uuid) is
  'Forgets the secret of an integration, if it has one. It stays, and can be connected again.';
--! EndIncluded integrations/store_credential.sql
