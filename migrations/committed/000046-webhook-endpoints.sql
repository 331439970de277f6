--! Previous: sha1:2366d5aa4d805b364e994dea82797016b1b20442
--! Hash: sha1:f9c0175bb6e2d02a5bd0bf34a20f6b77fbf617a0
--! Message: webhook-endpoints

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 80-webhook-endpoints.sql
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

--! Included tenancy/organization_memberships.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.organization_memberships');
select app_private.allow_data_role('app_public.organization_memberships');

create policy tenant_boundary on app_public.organization_memberships
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

create policy select_self_or_administrator on app_public.organization_memberships
  for select to app_user
  using (
    user_id = (select app_hidden.current_user_id())
    or organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
    or (select app_hidden.is_superadmin())
  );

-- An admin changes anybody but owners; only an owner makes or changes an owner. Nobody changes their own row, so that no
-- one raises themselves and the last owner cannot leave.
create policy update_administrator on app_public.organization_memberships
  for update to app_user
  using (
    user_id <> (select app_hidden.current_user_id())
    and (
      organization_id = any (array(select app_hidden.organization_ids_with_role('{owner}')))
      or role <> 'owner'
      and organization_id = any (array(select app_hidden.organization_ids_with_role('{admin}')))
    )
  )
  with check (
    user_id <> (select app_hidden.current_user_id())
    and (
      organization_id = any (array(select app_hidden.organization_ids_with_role('{owner}')))
      or role <> 'owner'
      and organization_id = any (array(select app_hidden.organization_ids_with_role('{admin}')))
    )
  );

-- The helpers look up the caller's own memberships and nobody else's; seats are counted over everybody of one organization,
-- and a job that has something to tell its organization finds the administrators.
create policy select_definer on app_public.organization_memberships
  for select to app_definer
  using (
    user_id = (select auth.uid())
    or organization_id = (select app_hidden.seat_scope())
    or (
      (select app_private.acting_role()) = 'app_worker'
      and role in ('owner', 'admin')
      and organization_id = (select app_hidden.current_organization_id())
    )
  );

-- create_organization() and accept_invitation() make the caller a member.
create policy insert_definer on app_public.organization_memberships
  for insert to app_definer
  with check (user_id = (select auth.uid()));
create policy update_definer on app_public.organization_memberships
  for update to app_definer
  using (user_id = (select auth.uid()))
  with check (user_id = (select auth.uid()));

-- Whom a job tells of something (access/notify_reviewers.sql).
create policy select_worker on app_public.organization_memberships
  for select to app_worker
  using (organization_id = (select app_hidden.current_organization_id()));

grant
  select (id, organization_id, user_id, role, active, created_at, updated_at, created_by, updated_by),
  update (role, active)
on app_public.organization_memberships to app_user;
grant select, insert (organization_id, user_id, role), update (role, active)
on app_public.organization_memberships to app_definer;
grant select (organization_id, user_id, role, active) on app_public.organization_memberships to app_worker;
-- No insert grant: people become members by invitation. No delete grant: a membership that ends becomes inactive, so that
-- what the person did stays attributable.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.organization_memberships');

-- Documentation ---------------------------------------------------------------

comment on table app_public.organization_memberships is
  'That a person belongs to an organization, and as what. Everybody sees their own; owners and admins see all.';
comment on column app_public.organization_memberships.id is 'The membership’s id.';
comment on column app_public.organization_memberships.organization_id is 'The organization.';
comment on column app_public.organization_memberships.user_id is 'The person.';
comment on column app_public.organization_memberships.role is 'What the person is there.';
comment on column app_public.organization_memberships.active is
  'Whether it counts. Access ends with the next statement after this turns false.';
comment on column app_public.organization_memberships.created_at is 'When the person joined.';
comment on column app_public.organization_memberships.updated_at is 'When the membership last changed.';
comment on column app_public.organization_memberships.created_by is 'Who made it.';
comment on column app_public.organization_memberships.updated_by is 'Who changed it last.';
--! EndIncluded tenancy/organization_memberships.sql
--! Included outbound/acting_organization_ids.sql
set local role app_definer;

-- The organizations for which a definer function acts: those of the person who asks, or the one of the worker's job.
create or replace function app_hidden.acting_organization_ids() returns setof uuid as $$
begin
  if app_private.acting_role() = 'app_worker' then
    return query
      select app_hidden.current_organization_id() where app_hidden.current_organization_id() is not null;
    return;
  end if;
  return query select app_hidden.my_organization_ids();
end;
$$ language plpgsql stable security definer set search_path to '';

reset role;
--! EndIncluded outbound/acting_organization_ids.sql
--! Included outbound/webhook_endpoints.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.webhook_endpoints');
select app_private.allow_data_role('app_public.webhook_endpoints');

create policy tenant_boundary on app_public.webhook_endpoints
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

-- As with integrations: a new one has to be bought, one that is there stays.
create policy insert_with_feature on app_public.webhook_endpoints
  as restrictive for insert to app_user
  with check (organization_id = any (array(select app_hidden.organization_ids_with_feature('integrations'))));

-- It tells of every clinic of the organization, so who runs one of them is not asked.
create policy select_administrator on app_public.webhook_endpoints
  for select to app_user
  using (organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}'))));
create policy insert_administrator on app_public.webhook_endpoints
  for insert to app_user
  with check (organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}'))));
create policy update_administrator on app_public.webhook_endpoints
  for update to app_user
  using (organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}'))))
  with check (organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}'))));
create policy delete_administrator on app_public.webhook_endpoints
  for delete to app_user
  using (organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}'))));

-- Whoever changes a record has it told to the endpoints of that record's organization, without seeing them.
create policy select_definer on app_public.webhook_endpoints
  for select to app_definer
  using (organization_id = any (array(select app_hidden.acting_organization_ids())));
-- The job says how a delivery went, an administrator that there is a secret.
create policy update_definer on app_public.webhook_endpoints
  for update to app_definer
  using (organization_id = any (array(select app_hidden.acting_organization_ids())))
  with check (organization_id = any (array(select app_hidden.acting_organization_ids())));

grant
  select (
    id, organization_id, url, event_kinds, active, secret_made_at, failing_since, disabled_at, created_at, updated_at,
    created_by, updated_by
  ),
  insert (organization_id, url, event_kinds),
  update (url, event_kinds, active),
  delete
on app_public.webhook_endpoints to app_user;
grant
  select (id, organization_id, url, event_kinds, active, secret_made_at, failing_since),
  update (active, secret_made_at, failing_since, disabled_at)
on app_public.webhook_endpoints to app_definer;

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.webhook_endpoints');
select app_private.audit_changes('app_public.webhook_endpoints');

-- Somebody has repaired it: the days of failure are counted anew.
create or replace function app_private.tg_webhook_endpoints__begin_again() returns trigger as $$
begin
  NEW.failing_since := null;
  NEW.disabled_at := null;
  return NEW;
end;
$$ language plpgsql volatile set search_path to '';

create or replace trigger _110_begin_again
  before update of active on app_public.webhook_endpoints
  for each row
  when (NEW.active and not OLD.active)
  execute function app_private.tg_webhook_endpoints__begin_again();

-- Documentation ---------------------------------------------------------------

comment on table app_public.webhook_endpoints is
  'An address outside that is told of what happens in the organization. Needs the feature `integrations`, and a secret by `rotateWebhookSecret` before anything is sent.';
comment on column app_public.webhook_endpoints.id is 'The endpoint’s id.';
comment on column app_public.webhook_endpoints.organization_id is 'The organization.';
comment on column app_public.webhook_endpoints.url is
  'Where it is sent by POST: an https address without a name and password, at most 2,000 characters.';
comment on column app_public.webhook_endpoints.event_kinds is 'What is told.';
comment on column app_public.webhook_endpoints.active is
  'Whether anything is sent. Turns false by itself after five days of failure; true lets it begin again.';
comment on column app_public.webhook_endpoints.secret_made_at is
  'When `rotateWebhookSecret` last made its secret; null while there is none.';
comment on column app_public.webhook_endpoints.failing_since is
  'Since when no delivery has succeeded; null while they do.';
comment on column app_public.webhook_endpoints.disabled_at is
  'When it was switched off because of its failures; null otherwise.';
comment on column app_public.webhook_endpoints.created_at is 'When it was made.';
comment on column app_public.webhook_endpoints.updated_at is 'When it last changed.';
comment on column app_public.webhook_endpoints.created_by is 'Who made it.';
comment on column app_public.webhook_endpoints.updated_by is 'Who changed it last.';
comment on type app_public.webhook_event_kind is '@value appointment_created Appointments were booked.
@value appointment_changed Appointments were changed, cancelled or completed.
@value care_session_created Care sessions were started or recorded.
@value care_session_changed Care sessions were changed or ended.
What a webhook tells.';
--! EndIncluded outbound/webhook_endpoints.sql
--! Included outbound/webhook_secrets.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_private.webhook_secrets');

-- No request role has a grant on app_private. An administrator stores a secret and nobody reads it back; the worker, which
-- is nobody, reads inside the organization of its job.
create policy write_definer on app_private.webhook_secrets
  to app_definer
  using (organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}'))))
  with check (organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}'))));
create policy select_definer_for_job on app_private.webhook_secrets
  for select to app_definer
  using (
    (select app_private.acting_role()) = 'app_worker'
    and organization_id = (select app_hidden.current_organization_id())
  );

grant
  select (id, organization_id, endpoint_id, key_id, nonce, ciphertext, expires_at),
  insert (organization_id, endpoint_id, key_id, nonce, ciphertext),
  update (expires_at),
  delete
on app_private.webhook_secrets to app_definer;

-- Triggers --------------------------------------------------------------------

select app_private.audit_changes('app_private.webhook_secrets');

create or replace trigger _100_stamp
  before insert or update on app_private.webhook_secrets
  for each row
  execute function app_private.tg__stamp();

create or replace trigger _300_refuse_move
  before update on app_private.webhook_secrets
  for each row
  when ((OLD.id, OLD.organization_id, OLD.endpoint_id) is distinct from (NEW.id, NEW.organization_id, NEW.endpoint_id))
  execute function app_private.tg__refuse_move();

set local role app_definer;

-- Takes what the gateway has sealed. Not in the API: `rotateWebhookSecret` makes the secret and calls this. The one that
-- was current signs for another day, and one from before that no more: never more than two are valid.
create or replace function app_hidden.store_webhook_secret(endpoint_id uuid, key_id text, nonce bytea, ciphertext bytea)
returns void as $$
declare
  v_organization_id uuid;
begin
  update app_public.webhook_endpoints e
  set secret_made_at = now()
  where e.id = store_webhook_secret.endpoint_id
  and e.organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
  returning e.organization_id into v_organization_id;
  if not found then
    raise exception 'There is no such webhook endpoint.' using errcode = 'NTFND';
  end if;
  delete from app_private.webhook_secrets s
  where s.endpoint_id = store_webhook_secret.endpoint_id and s.expires_at is not null;
  update app_private.webhook_secrets s
  set expires_at = now() + interval '1 day'
  where s.endpoint_id = store_webhook_secret.endpoint_id;
  insert into app_private.webhook_secrets (organization_id, endpoint_id, key_id, nonce, ciphertext)
  values (
    v_organization_id,
    store_webhook_secret.endpoint_id,
    store_webhook_secret.key_id,
    store_webhook_secret.nonce,
    store_webhook_secret.ciphertext
  );
end;
$$ language plpgsql volatile strict security definer set search_path to '';

grant execute on function app_hidden.store_webhook_secret(uuid, text, bytea, bytea) to app_user;

reset role;

-- Documentation ---------------------------------------------------------------

comment on table app_private.webhook_secrets is
  'What deliveries to a webhook endpoint are signed with, sealed with AES-256-GCM under a key that only the gateway and the worker are given.';
comment on column app_private.webhook_secrets.key_id is
  'Which key it was sealed with: the first 16 hex digits of the key’s SHA-256.';
comment on column app_private.webhook_secrets.expires_at is
  'Until when it signs beside its successor; null for the current one.';
--! EndIncluded outbound/webhook_secrets.sql
--! Included outbound/webhook_deliveries.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.webhook_deliveries');
select app_private.allow_data_role('app_public.webhook_deliveries');

create policy tenant_boundary on app_public.webhook_deliveries
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

create policy select_administrator on app_public.webhook_deliveries
  for select to app_user
  using (organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}'))));

-- Made by the trigger of a change and by a replay, carried out by the job: functions that know the organization.
create policy select_definer on app_public.webhook_deliveries
  for select to app_definer
  using (organization_id = any (array(select app_hidden.acting_organization_ids())));
create policy insert_definer on app_public.webhook_deliveries
  for insert to app_definer
  with check (organization_id = any (array(select app_hidden.acting_organization_ids())) and attempts = 0);
-- One that has ended is history.
create policy update_definer_for_job on app_public.webhook_deliveries
  for update to app_definer
  using (
    (select app_private.acting_role()) = 'app_worker'
    and organization_id = (select app_hidden.current_organization_id())
    and status = 'waiting'
  )
  with check (organization_id = (select app_hidden.current_organization_id()));

grant select (
  id, organization_id, clinic_id, endpoint_id, event_id, event_kind, subject_ids, happened_at, replay_of, status,
  attempts, next_attempt_at, response_status, failure, finished_at, created_at, updated_at
) on app_public.webhook_deliveries to app_user;
-- No write grant for requests.
grant
  select (
    id, organization_id, clinic_id, endpoint_id, event_id, event_kind, subject_ids, happened_at, replay_of, status,
    attempts, next_attempt_at
  ),
  insert (organization_id, clinic_id, endpoint_id, event_id, event_kind, subject_ids, happened_at, replay_of),
  update (status, attempts, next_attempt_at, response_status, failure, finished_at)
on app_public.webhook_deliveries to app_definer;

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.webhook_deliveries');
select app_private.audit_changes('app_public.webhook_deliveries');

-- Documentation ---------------------------------------------------------------

comment on table app_public.webhook_deliveries is
  'One event on its way to one webhook endpoint, or how that ended. What is sent is what stands here: ids and a kind.';
comment on column app_public.webhook_deliveries.id is 'The delivery’s id.';
comment on column app_public.webhook_deliveries.organization_id is 'The organization.';
comment on column app_public.webhook_deliveries.clinic_id is 'The clinic of the records.';
comment on column app_public.webhook_deliveries.endpoint_id is 'Where it goes.';
comment on column app_public.webhook_deliveries.event_id is
  'The event, sent as `webhook-id`: the same for every attempt, every endpoint and every replay.';
comment on column app_public.webhook_deliveries.event_kind is 'What happened.';
comment on column app_public.webhook_deliveries.subject_ids is 'The records that it happened to.';
comment on column app_public.webhook_deliveries.happened_at is 'When it happened.';
comment on column app_public.webhook_deliveries.replay_of is 'The delivery that this one repeats, where somebody asked for it.';
comment on column app_public.webhook_deliveries.status is 'How it stands.';
comment on column app_public.webhook_deliveries.attempts is 'How often it was sent.';
comment on column app_public.webhook_deliveries.next_attempt_at is 'When it is sent next; null when it has ended.';
comment on column app_public.webhook_deliveries.response_status is
  'The HTTP status of the last answer; null when there was none.';
comment on column app_public.webhook_deliveries.failure is
  'Why the last attempt failed, as a code such as `timeout`, `address_refused` or `status`; null when it did not.';
comment on column app_public.webhook_deliveries.finished_at is 'When it ended; null while it waits.';
comment on column app_public.webhook_deliveries.created_at is 'When it was made.';
comment on column app_public.webhook_deliveries.updated_at is 'When it last changed.';
comment on type app_public.webhook_delivery_status is '@value waiting It is sent soon, or again.
@value delivered The endpoint has taken it.
@value failed It was given up.
How a delivery stands.';
--! EndIncluded outbound/webhook_deliveries.sql
