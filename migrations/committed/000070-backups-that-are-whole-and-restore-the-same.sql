--! Previous: sha1:3c718cf6f99d1a6586a348d69d1f330797821a3c
--! Hash: sha1:65d1386bd5b7fce97dde513f96cb1d74bacd49bf
--! Message: backups that are whole and restore the same

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 010-backups.sql
--! Included foundation/schemas.sql
-- Access ----------------------------------------------------------------------

grant usage on schema app_public, app_hidden, auth to app_anonymous, app_user, app_worker, app_data, app_definer;
-- `app_private` gives no request role any way in; definer functions run as `app_definer`.
grant usage on schema app_private, app_audit to app_definer;
-- A backup reads everything and changes nothing: which migrations have run is part of it (of the queue: setup/500-queue.sql).
grant usage on schema app_public, app_private, app_audit, graphile_migrate to app_backup;
grant select on graphile_migrate.migrations, graphile_migrate.current to app_backup;
-- Security definer functions are created by `app_definer`, so that it owns them and no one else has to.
grant create on schema app_public, app_hidden, app_private, app_audit to app_definer;

-- Documentation ---------------------------------------------------------------

comment on schema auth is 'Who is asking, under the names Supabase uses, so that the same policies run there.';
comment on schema app_public is 'Tables and functions of the API.';
comment on schema app_hidden is 'Policy helpers and lookups a request may execute but never sees in the API.';
comment on schema app_private is 'Secrets: password and token hashes, identities. No request role has any grant here.';
comment on schema app_audit is 'The record of what happened. Reached through views of app_public only.';
--! EndIncluded foundation/schemas.sql
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
  -- Not as a comparison of two rows: a restored backup would have it with other parentheses.
  when (
    OLD.id is distinct from NEW.id
    or OLD.organization_id is distinct from NEW.organization_id
    or OLD.endpoint_id is distinct from NEW.endpoint_id
  )
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
  -- Not as a comparison of two rows: a restored backup would have it with other parentheses.
  when (
    OLD.integration_id is distinct from NEW.integration_id
    or OLD.organization_id is distinct from NEW.organization_id
    or OLD.clinic_id is distinct from NEW.clinic_id
  )
  execute function app_private.tg__refuse_move();

-- Documentation ---------------------------------------------------------------

comment on table app_private.integration_credentials is
  'The secret of an integration, sealed with AES-256-GCM under a key that only the gateway and the worker are given.';
comment on column app_private.integration_credentials.key_id is
  'Which key it was sealed with: the first 16 hex digits of the key’s SHA-256.';
--! EndIncluded integrations/integration_credentials.sql
