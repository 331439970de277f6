--! Previous: sha1:11c3f8e6dfd10a00a90790738ed076a6d0caf364
--! Hash: sha1:66c28623ab92947fd63473e6cb5c968000886f41
--! Message: vault-shares

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 124-vault-shares.sql
-- Opening what somebody shares; the tables are in the migration before.

--! Included vault/share_reader.sql
-- The one way into the vault for somebody who is not the owner: functions owned by `app_share_reader` (a role that
-- nobody can sign in as), whose policies say "a share that is open now": by the hash of the token that the function was
-- called with, or to the caller's clinic. Such a function can do no more than its policies, whatever is written in it.

-- Set by those functions while they run. Somebody who set it otherwise would need a token's hash, and still the role.
create or replace function app_hidden.share_token_hash() returns bytea as $$
  select decode(nullif(current_setting('app.share_token_hash', true), ''), 'hex');
$$ language sql stable parallel safe set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_hidden.share_token_hash(),
  app_hidden.uuid_v7(),
  auth.uid()
to app_share_reader;

set local role app_definer;
grant execute on function app_hidden.clinic_ids_with_role(app_public.clinic_role[]) to app_share_reader;
reset role;
--! EndIncluded vault/share_reader.sql
--! Included vault/share_tokens.sql
-- Access ----------------------------------------------------------------------

select app_private.close_vault('app_vault.share_tokens', 'app_share_reader');

create policy select_owner on app_vault.share_tokens
  for select to app_user
  using (user_id = (select app_hidden.current_user_id()));

create policy insert_owner on app_vault.share_tokens
  for insert to app_user
  with check (user_id = (select app_hidden.current_user_id()));

create policy update_owner on app_vault.share_tokens
  for update to app_user
  using (user_id = (select app_hidden.current_user_id()))
  with check (user_id = (select app_hidden.current_user_id()));

-- Looks at no other table: the policies of the others look at this one.
create policy select_share_reader on app_vault.share_tokens
  for select to app_share_reader
  using (token_hash = (select app_hidden.share_token_hash()));

create policy update_share_reader on app_vault.share_tokens
  for update to app_share_reader
  using (token_hash = (select app_hidden.share_token_hash()) and revoked_at is null and expires_at > now())
  with check (token_hash = (select app_hidden.share_token_hash()) and revoked_at is null and expires_at > now());

grant
  select (id, user_id, share_id, max_uses, uses, expires_at, revoked_at, created_at, updated_at),
  insert (share_id, token_hash, max_uses, expires_at),
  update (revoked_at)
on app_vault.share_tokens to app_user;
grant select (id, user_id, share_id, token_hash, max_uses, uses, expires_at, revoked_at), update (uses)
on app_vault.share_tokens to app_share_reader;
-- The hash is written and never read by a request. No delete grant: a link is revoked and stays on record.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_vault.share_tokens');
select app_private.audit_changes('app_vault.share_tokens', 'id', '');

-- For shares and tokens alike.
create or replace function app_private.tg__stay_revoked() returns trigger as $$
begin
  raise exception 'What was revoked stays revoked.' using errcode = 'CNFLT';
end;
$$ language plpgsql volatile set search_path to '';

create or replace trigger _300_stay_revoked
  before update of revoked_at on app_vault.share_tokens
  for each row
  when (OLD.revoked_at is not null and NEW.revoked_at is distinct from OLD.revoked_at)
  execute function app_private.tg__stay_revoked();

create or replace function app_vault.revoke_share_token(token_id uuid) returns app_vault.share_tokens as $$
declare
  v_token app_vault.share_tokens;
begin
  update app_vault.share_tokens t
  set revoked_at = coalesce(t.revoked_at, now())
  where t.id = revoke_share_token.token_id
  returning t.id, t.user_id, t.share_id, t.max_uses, t.uses, t.expires_at, t.revoked_at, t.created_at, t.updated_at
  into v_token.id, v_token.user_id, v_token.share_id, v_token.max_uses, v_token.uses, v_token.expires_at,
    v_token.revoked_at, v_token.created_at, v_token.updated_at;
  if v_token.id is null then
    raise exception 'There is no such link.' using errcode = 'NTFND';
  end if;
  return v_token;
end;
$$ language plpgsql volatile strict set search_path to '';

grant execute on function app_vault.revoke_share_token(uuid) to app_user;

-- Documentation ---------------------------------------------------------------

comment on table app_vault.share_tokens is
  E'@behavior -update -resource:aggregates -resource:groupedAggregates\nA link to a share. The client makes the token (256 random bits) and the key in the link’s fragment; the server gets the SHA-256 of the token, and the key never.';
comment on column app_vault.share_tokens.id is 'The link’s id.';
comment on column app_vault.share_tokens.user_id is 'Whose share it opens.';
comment on column app_vault.share_tokens.share_id is 'The share it opens.';
comment on column app_vault.share_tokens.token_hash is E'@behavior -select\nSHA-256 of the token, 32 bytes.';
comment on column app_vault.share_tokens.max_uses is 'How often the link opens the share; 1 to 100.';
comment on column app_vault.share_tokens.uses is 'How often it has.';
comment on column app_vault.share_tokens.expires_at is 'Until when it opens the share: 30 days at most.';
comment on column app_vault.share_tokens.revoked_at is 'When it was taken back.';
comment on column app_vault.share_tokens.created_at is 'When it was made.';
comment on column app_vault.share_tokens.updated_at is 'When it last changed.';
comment on function app_vault.revoke_share_token(uuid) is
  E'@argument token_id The link.\nTakes a link back for good.';
--! EndIncluded vault/share_tokens.sql
--! Included vault/healthcare_shares.sql
-- Access ----------------------------------------------------------------------

select app_private.close_vault('app_vault.healthcare_shares', 'app_share_reader');

create policy select_owner on app_vault.healthcare_shares
  for select to app_user
  using (user_id = (select app_hidden.current_user_id()));

create policy insert_owner on app_vault.healthcare_shares
  for insert to app_user
  with check (user_id = (select app_hidden.current_user_id()));

create policy update_owner on app_vault.healthcare_shares
  for update to app_user
  using (user_id = (select app_hidden.current_user_id()))
  with check (user_id = (select app_hidden.current_user_id()));

-- A share that is open now: the token in this statement is its, or it was given to a clinic in which the caller treats
-- patients. A superadmin treats nobody by being one.
create policy select_share_reader on app_vault.healthcare_shares
  for select to app_share_reader
  using (
    revoked_at is null
    and expires_at > now()
    and (
      id in (select t.share_id from app_vault.share_tokens t)
      or recipient_clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}')))
    )
  );

grant
  select (id, user_id, recipient_clinic_id, expires_at, revoked_at, created_at, updated_at),
  insert (recipient_clinic_id, expires_at),
  update (revoked_at)
on app_vault.healthcare_shares to app_user;
grant select (id, user_id, recipient_clinic_id, expires_at, revoked_at)
on app_vault.healthcare_shares to app_share_reader;
-- No delete grant: a share is revoked and stays on record with everybody who opened it.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_vault.healthcare_shares');
select app_private.audit_changes('app_vault.healthcare_shares', 'id', '');

create or replace trigger _300_stay_revoked
  before update of revoked_at on app_vault.healthcare_shares
  for each row
  when (OLD.revoked_at is not null and NEW.revoked_at is distinct from OLD.revoked_at)
  execute function app_private.tg__stay_revoked();

-- A redemption looks at the newest state of the token only: so the links of a share end with it.
create or replace function app_private.tg_healthcare_shares__revoke_tokens() returns trigger as $$
begin
  update app_vault.share_tokens t
  set revoked_at = NEW.revoked_at
  where t.user_id = NEW.user_id
  and t.share_id = NEW.id
  and t.revoked_at is null;
  return null;
end;
$$ language plpgsql volatile set search_path to '';

create or replace trigger _400_revoke_tokens
  after update of revoked_at on app_vault.healthcare_shares
  for each row
  when (OLD.revoked_at is null and NEW.revoked_at is not null)
  execute function app_private.tg_healthcare_shares__revoke_tokens();

create or replace function app_vault.revoke_healthcare_share(share_id uuid) returns app_vault.healthcare_shares as $$
declare
  v_share app_vault.healthcare_shares;
begin
  update app_vault.healthcare_shares s
  set revoked_at = coalesce(s.revoked_at, now())
  where s.id = revoke_healthcare_share.share_id
  returning * into v_share;
  if v_share.id is null then
    raise exception 'There is no such share.' using errcode = 'NTFND';
  end if;
  return v_share;
end;
$$ language plpgsql volatile strict set search_path to '';

grant execute on function app_vault.revoke_healthcare_share(uuid) to app_user;

-- Documentation ---------------------------------------------------------------

comment on table app_vault.healthcare_shares is
  E'@behavior -update -resource:aggregates -resource:groupedAggregates\nThat a person lets others read some of their encrypted records: whoever has a link, and if a clinic is named, its providers. Needs the share’s key too, which travels in the link’s fragment.';
comment on column app_vault.healthcare_shares.id is 'The share’s id.';
comment on column app_vault.healthcare_shares.user_id is 'Who shares.';
comment on column app_vault.healthcare_shares.recipient_clinic_id is
  'The clinic whose providers and admins may open it when they are signed in; null if a link is the only way.';
comment on column app_vault.healthcare_shares.expires_at is 'Until when it can be opened: a year at most.';
comment on column app_vault.healthcare_shares.revoked_at is 'When it was taken back.';
comment on column app_vault.healthcare_shares.created_at is 'When it was made.';
comment on column app_vault.healthcare_shares.updated_at is 'When it last changed.';
comment on function app_vault.revoke_healthcare_share(uuid) is
  E'@argument share_id The share.\nTakes a share back for good, with all its links. What was read before cannot be unread.';
--! EndIncluded vault/healthcare_shares.sql
--! Included vault/healthcare_share_records.sql
-- Access ----------------------------------------------------------------------

select app_private.close_vault('app_vault.healthcare_share_records', 'app_share_reader');

create policy select_owner on app_vault.healthcare_share_records
  for select to app_user
  using (user_id = (select app_hidden.current_user_id()));

create policy insert_owner on app_vault.healthcare_share_records
  for insert to app_user
  with check (user_id = (select app_hidden.current_user_id()));

create policy delete_owner on app_vault.healthcare_share_records
  for delete to app_user
  using (user_id = (select app_hidden.current_user_id()));

create policy select_share_reader on app_vault.healthcare_share_records
  for select to app_share_reader
  using (share_id in (select s.id from app_vault.healthcare_shares s));

grant
  select (id, user_id, share_id, record_id, key_id, nonce, ciphertext, created_at, updated_at),
  insert (share_id, record_id, key_id, nonce, ciphertext),
  delete
on app_vault.healthcare_share_records to app_user;
grant select (id, user_id, share_id, record_id, key_id, nonce, ciphertext)
on app_vault.healthcare_share_records to app_share_reader;
-- No update grant: a record whose data key changed is taken out of the share and put in again.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_vault.healthcare_share_records');
select app_private.audit_changes('app_vault.healthcare_share_records', 'id', '');

-- Documentation ---------------------------------------------------------------

comment on table app_vault.healthcare_share_records is
  E'@behavior -resource:aggregates -resource:groupedAggregates\nOne record of a share, with its data key encrypted under the share’s key. Give each record that you share a data key of its own.';
comment on column app_vault.healthcare_share_records.id is 'The entry’s id.';
comment on column app_vault.healthcare_share_records.user_id is 'Whose record it is.';
comment on column app_vault.healthcare_share_records.share_id is 'The share.';
comment on column app_vault.healthcare_share_records.record_id is 'The record of cycle data that is shared.';
comment on column app_vault.healthcare_share_records.key_id is 'The data key that is wrapped here.';
comment on column app_vault.healthcare_share_records.nonce is '12 bytes.';
comment on column app_vault.healthcare_share_records.ciphertext is 'The data key under the share’s key, 48 bytes.';
comment on column app_vault.healthcare_share_records.created_at is 'When the record was put into the share.';
comment on column app_vault.healthcare_share_records.updated_at is 'When the entry last changed.';
--! EndIncluded vault/healthcare_share_records.sql
--! Included vault/share_accesses.sql
-- Access ----------------------------------------------------------------------

select app_private.close_vault('app_vault.share_accesses', 'app_share_reader');

create policy select_owner on app_vault.share_accesses
  for select to app_user
  using (user_id = (select app_hidden.current_user_id()));

create policy insert_share_reader on app_vault.share_accesses
  for insert to app_share_reader
  with check (share_id in (select s.id from app_vault.healthcare_shares s));

grant select (id, user_id, share_id, token_id, reader_id, accessed_at) on app_vault.share_accesses to app_user;
grant insert (user_id, share_id, token_id, reader_id) on app_vault.share_accesses to app_share_reader;
-- Nobody else writes, and nobody changes or removes: it is the owner's record of who opened what.

-- Triggers --------------------------------------------------------------------

select app_private.audit_changes('app_vault.share_accesses', 'id', '');

-- Documentation ---------------------------------------------------------------

comment on table app_vault.share_accesses is
  E'@behavior -*\nThat a share was opened. Written with the opening; the owner reads it as `healthcareShareAudits`.';
--! EndIncluded vault/share_accesses.sql
--! Included vault/redeem_share.sql
set local role app_share_reader;

-- A share's records with the keys that the share's own key opens. Only under the policies of `app_share_reader`.
create or replace function app_vault.shared_records(share_id uuid) returns setof app_vault.shared_record as $$
  select
    r.share_id, d.id, d.user_id, d.version, d.envelope_version, d.algorithm, d.key_id, d.nonce, d.ciphertext,
    r.key_id, r.nonce, r.ciphertext
  from app_vault.healthcare_share_records r
  join app_vault.encrypted_cycle_data d on d.user_id = r.user_id and d.id = r.record_id
  where r.share_id = shared_records.share_id
  order by d.id;
$$ language sql stable set search_path to '';
-- Invoker and granted to nobody: the two functions below call it as its owner.

-- One answer for a token that is unknown, used up, expired or revoked, after the same look-up. One UPDATE decides who
-- of many callers has the last use.
create or replace function app_vault.redeem_share(token text) returns setof app_vault.shared_record as $$
declare
  v_token record;
begin
  perform set_config('app.share_token_hash', encode(sha256(convert_to(redeem_share.token, 'UTF8')), 'hex'), true);
  update app_vault.share_tokens t
  set uses = t.uses + 1
  from app_vault.healthcare_shares s
  where t.token_hash = app_hidden.share_token_hash()
  and t.revoked_at is null
  and t.expires_at > now()
  and t.uses < t.max_uses
  and s.id = t.share_id
  returning t.id, t.user_id, t.share_id into v_token;
  if not found then
    raise exception 'This link does not exist or can no longer be used.' using errcode = 'NTFND';
  end if;
  insert into app_vault.share_accesses (user_id, share_id, token_id, reader_id)
  values (v_token.user_id, v_token.share_id, v_token.id, auth.uid());
  return query select * from app_vault.shared_records(v_token.share_id);
  perform set_config('app.share_token_hash', '', true);
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- Whether redeem_share() would open something now. Spends no use and leaves no trace; a token cannot be guessed.
create or replace function app_vault.validate_share_token(token text) returns boolean as $$
declare
  v_is_valid boolean;
begin
  perform set_config(
    'app.share_token_hash', encode(sha256(convert_to(validate_share_token.token, 'UTF8')), 'hex'), true
  );
  v_is_valid := exists (
    select
    from app_vault.share_tokens t
    join app_vault.healthcare_shares s on s.id = t.share_id
    where t.token_hash = app_hidden.share_token_hash()
    and t.revoked_at is null
    and t.expires_at > now()
    and t.uses < t.max_uses
  );
  perform set_config('app.share_token_hash', '', true);
  return v_is_valid;
end;
$$ language plpgsql stable strict security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_vault.redeem_share(text), app_vault.validate_share_token(text)
to app_anonymous, app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_vault.shared_records(uuid) is E'@behavior -*\nThe records of an open share.';
comment on function app_vault.redeem_share(text) is
  E'@argument token The token from the link’s fragment. Never send the key.\nOpens a share with the token of a link, signed in or not, and spends one use. The answer is the same for a token that is unknown, used up, expired or revoked.';
comment on function app_vault.validate_share_token(text) is
  E'@argument token The token from the link’s fragment.\nWhether a link would open a share now. Spends no use, and does not say why not.';

reset role;

comment on type app_vault.shared_record is
  'A record of a share, still encrypted: the key in the link’s fragment opens `wrappedKey`, and that opens the record.';
comment on column app_vault.shared_record.share_id is 'The share.';
comment on column app_vault.shared_record.record_id is 'The record.';
comment on column app_vault.shared_record.user_id is 'Whose record it is; part of what the encryption is bound to.';
comment on column app_vault.shared_record.version is 'The version of the record.';
comment on column app_vault.shared_record.envelope_version is 'The form of the envelope; 1.';
comment on column app_vault.shared_record.algorithm is 'AES-256-GCM or XChaCha20-Poly1305.';
comment on column app_vault.shared_record.key_id is 'The data key that opens the record.';
comment on column app_vault.shared_record.nonce is 'The nonce of the record.';
comment on column app_vault.shared_record.ciphertext is 'The sealed record.';
comment on column app_vault.shared_record.wrapped_key_id is
  'The data key that was shared. If it is another than `keyId`, the owner has changed keys since: ask them to share again.';
comment on column app_vault.shared_record.wrapped_key_nonce is 'The nonce of the wrapped key.';
comment on column app_vault.shared_record.wrapped_key is 'The data key under the share’s key.';
--! EndIncluded vault/redeem_share.sql
--! Included vault/open_share.sql
set local role app_share_reader;

-- For people of the clinic that a share was given to. Each opening is on record for the owner, like one by a link.
create or replace function app_vault.open_share(share_id uuid) returns setof app_vault.shared_record as $$
begin
  insert into app_vault.share_accesses (user_id, share_id, reader_id)
  select s.user_id, s.id, auth.uid()
  from app_vault.healthcare_shares s
  where s.id = open_share.share_id;
  if not found then
    raise exception 'There is no such share.' using errcode = 'NTFND';
  end if;
  return query select * from app_vault.shared_records(open_share.share_id);
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_vault.open_share(uuid) to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_vault.open_share(uuid) is
  E'@argument share_id The share.\nOpens a share that was given to a clinic in which you are a provider or admin. The owner sees that you did.';

reset role;
--! EndIncluded vault/open_share.sql
--! Included vault/audit_views.sql
-- What happened to the caller's own vault, under the askers' names (R25, R26, R65): no value, no hash, no address.

-- The caller's own changes in the vault. `audit/events.sql` lets everybody see their own events; here only these.
create or replace view app_vault.security_audit_log with (security_invoker = true) as
  select
    e.id,
    e.actor_id as user_id,
    lower(e.command) as action,
    split_part(e.table_name, '.', 2) as resource_type,
    e.row_id as resource_id,
    e.changed_fields,
    e.request_id,
    e.occurred_at
  from app_audit.events e
  where e.actor_id = auth.uid()
  and e.table_name like 'app\_vault.%';

-- Everything about the caller's shares: what they did with them, and everybody who opened one.
create or replace view app_vault.healthcare_share_audit with (security_invoker = true) as
  select
    a.id, a.user_id, a.share_id, 'opened' as action, a.reader_id, a.token_id, a.accessed_at as occurred_at
  from app_vault.share_accesses a
  union all
  select
    s.id, s.user_id, s.id, 'created', null, null, s.created_at
  from app_vault.healthcare_shares s
  union all
  select
    s.id, s.user_id, s.id, 'revoked', null, null, s.revoked_at
  from app_vault.healthcare_shares s
  where s.revoked_at is not null
  union all
  select
    t.id, t.user_id, t.share_id, 'link_created', null, t.id, t.created_at
  from app_vault.share_tokens t
  union all
  select
    t.id, t.user_id, t.share_id, 'link_revoked', null, t.id, t.revoked_at
  from app_vault.share_tokens t
  where t.revoked_at is not null;

create or replace function app_vault.healthcare_access_audit(share_id uuid = null)
returns setof app_vault.healthcare_share_audit as $$
  select a.*
  from app_vault.healthcare_share_audit a
  where healthcare_access_audit.share_id is null
  or a.share_id = healthcare_access_audit.share_id
  order by a.occurred_at desc, a.id;
$$ language sql stable parallel safe set search_path to '';

-- Access ----------------------------------------------------------------------

revoke all on app_vault.security_audit_log, app_vault.healthcare_share_audit from app_user;
grant select (id, user_id, action, resource_type, resource_id, changed_fields, request_id, occurred_at)
on app_vault.security_audit_log to app_user;
grant select (id, user_id, share_id, action, reader_id, token_id, occurred_at)
on app_vault.healthcare_share_audit to app_user;
grant execute on function app_vault.healthcare_access_audit(uuid) to app_user;

-- Documentation ---------------------------------------------------------------

comment on view app_vault.security_audit_log is
  E'@primaryKey id\n@behavior -resource:aggregates -resource:groupedAggregates\nWhat you changed in your own vault and when, by the names of the changed fields.';
comment on column app_vault.security_audit_log.id is 'The event’s id.';
comment on column app_vault.security_audit_log.user_id is 'You.';
comment on column app_vault.security_audit_log.action is 'insert, update or delete.';
comment on column app_vault.security_audit_log.resource_type is 'The kind of record, such as `device_keys`.';
comment on column app_vault.security_audit_log.resource_id is 'The record.';
comment on column app_vault.security_audit_log.changed_fields is 'Names of the changed fields; never their values.';
comment on column app_vault.security_audit_log.request_id is 'The request that made the change.';
comment on column app_vault.security_audit_log.occurred_at is 'When it happened.';
comment on view app_vault.healthcare_share_audit is
  E'@behavior -query:resource:list -query:resource:connection -resource:aggregates -resource:groupedAggregates\nWhat happened to your shares: made, opened, revoked. Read through `healthcareAccessAudit`.';
comment on column app_vault.healthcare_share_audit.id is 'The opening, share or link.';
comment on column app_vault.healthcare_share_audit.user_id is 'Whose share it is.';
comment on column app_vault.healthcare_share_audit.share_id is 'The share.';
comment on column app_vault.healthcare_share_audit.action is 'created, opened, revoked, link_created or link_revoked.';
comment on column app_vault.healthcare_share_audit.reader_id is 'Who opened it, if they were signed in.';
comment on column app_vault.healthcare_share_audit.token_id is 'The link it was opened with, or that it is about.';
comment on column app_vault.healthcare_share_audit.occurred_at is 'When it happened.';
comment on function app_vault.healthcare_access_audit(uuid) is
  E'@argument share_id The share; all of yours if left out.\nWhat happened to your shares, or to one of them, newest first: who opened which, by link or from the clinic.';
--! EndIncluded vault/audit_views.sql
