--! Previous: sha1:daea5fd7acc0fc8ce2dfa1eab3a595b24872a00a
--! Hash: sha1:11c3f8e6dfd10a00a90790738ed076a6d0caf364
--! Message: vault-device-keys

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 122-vault-device-keys.sql
-- Changing records, and the devices that may; the tables are in the migration before.

--! Included vault/update_cycle_data_optimistic.sql
-- Invoker: the policies decide whose record it is. One statement decides who of many callers with the same version
-- wins; the message tells the others the version that is there now, which is no secret to the owner of the record.

create or replace function app_vault.update_cycle_data_optimistic(
  record_id uuid,
  expected_version integer,
  algorithm text,
  key_id uuid,
  nonce bytea,
  ciphertext bytea,
  aad bytea
) returns app_vault.encrypted_cycle_data as $$
declare
  v_record app_vault.encrypted_cycle_data;
  v_version integer;
begin
  update app_vault.encrypted_cycle_data d
  set
    version = d.version + 1,
    algorithm = update_cycle_data_optimistic.algorithm,
    key_id = update_cycle_data_optimistic.key_id,
    nonce = update_cycle_data_optimistic.nonce,
    ciphertext = update_cycle_data_optimistic.ciphertext,
    aad = update_cycle_data_optimistic.aad
  where d.id = update_cycle_data_optimistic.record_id
  and d.version = update_cycle_data_optimistic.expected_version
  returning * into v_record;
  if v_record.id is null then
    select d.version into v_version
    from app_vault.encrypted_cycle_data d
    where d.id = update_cycle_data_optimistic.record_id;
    if v_version is null then
      raise exception 'There is no such record.' using errcode = 'NTFND';
    end if;
    raise exception 'The record has version % now.', v_version using errcode = 'CNFLT';
  end if;
  return v_record;
end;
$$ language plpgsql volatile strict set search_path to '';

create or replace function app_vault.update_user_prefs_optimistic(
  expected_version integer,
  algorithm text,
  key_id uuid,
  nonce bytea,
  ciphertext bytea,
  aad bytea
) returns app_vault.encrypted_user_prefs as $$
declare
  v_record app_vault.encrypted_user_prefs;
  v_version integer;
begin
  update app_vault.encrypted_user_prefs p
  set
    version = p.version + 1,
    algorithm = update_user_prefs_optimistic.algorithm,
    key_id = update_user_prefs_optimistic.key_id,
    nonce = update_user_prefs_optimistic.nonce,
    ciphertext = update_user_prefs_optimistic.ciphertext,
    aad = update_user_prefs_optimistic.aad
  where p.user_id = auth.uid()
  and p.version = update_user_prefs_optimistic.expected_version
  returning * into v_record;
  if v_record.id is null then
    select p.version into v_version from app_vault.encrypted_user_prefs p where p.user_id = auth.uid();
    if v_version is null then
      raise exception 'There are no preferences yet.' using errcode = 'NTFND';
    end if;
    raise exception 'The record has version % now.', v_version using errcode = 'CNFLT';
  end if;
  return v_record;
end;
$$ language plpgsql volatile strict set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_vault.update_cycle_data_optimistic(uuid, integer, text, uuid, bytea, bytea, bytea),
  app_vault.update_user_prefs_optimistic(integer, text, uuid, bytea, bytea, bytea)
to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_vault.update_cycle_data_optimistic(uuid, integer, text, uuid, bytea, bytea, bytea) is
  E'@argument record_id The record.\n@argument expected_version The version that was read.\n@argument algorithm AES-256-GCM or XChaCha20-Poly1305.\n@argument key_id The data key that opens the new version.\n@argument nonce A nonce that this key never had.\n@argument ciphertext The new content, sealed for the next version.\n@argument aad The additional data of the next version.\nReplaces a record that still has the expected version by the next version, sealed for that version. Otherwise the error CONFLICT says "The record has version N now."';
comment on function app_vault.update_user_prefs_optimistic(integer, text, uuid, bytea, bytea, bytea) is
  E'@argument expected_version The version that was read.\n@argument algorithm AES-256-GCM or XChaCha20-Poly1305.\n@argument key_id The data key that opens the new version.\n@argument nonce A nonce that this key never had.\n@argument ciphertext The new content, sealed for the next version.\n@argument aad The additional data of the next version.\nReplaces your preferences if they still have the expected version. Otherwise the error CONFLICT says "The record has version N now."';
--! EndIncluded vault/update_cycle_data_optimistic.sql
--! Included vault/device_key_challenges.sql
-- Access ----------------------------------------------------------------------

select app_private.close_vault('app_vault.device_key_challenges');

create policy select_owner on app_vault.device_key_challenges
  for select to app_user
  using (user_id = (select app_hidden.current_user_id()));

create policy insert_owner on app_vault.device_key_challenges
  for insert to app_user
  with check (user_id = (select app_hidden.current_user_id()));

create policy delete_owner on app_vault.device_key_challenges
  for delete to app_user
  using (user_id = (select app_hidden.current_user_id()));

grant
  select (user_id, challenge, expires_at),
  -- Which says whose it is and nothing else: the challenge and its end are the database's.
  insert (user_id),
  delete
on app_vault.device_key_challenges to app_user;
-- No update grant: a challenge is used once and removed.

-- Functions -------------------------------------------------------------------

-- A new challenge in place of an older one.
create or replace function app_vault.request_device_key_challenge() returns app_vault.device_key_challenges as $$
declare
  v_challenge app_vault.device_key_challenges;
begin
  delete from app_vault.device_key_challenges c where c.user_id = auth.uid();
  insert into app_vault.device_key_challenges (user_id)
  values (auth.uid())
  returning * into v_challenge;
  return v_challenge;
end;
$$ language plpgsql volatile set search_path to '';

grant execute on function app_vault.request_device_key_challenge() to app_user;

-- Documentation ---------------------------------------------------------------

comment on table app_vault.device_key_challenges is
  E'@behavior -query:resource:list -query:resource:connection -insert -update -delete -resource:aggregates -resource:groupedAggregates\nWhat a person’s next device key has to sign, to prove that the device holds it.';
comment on column app_vault.device_key_challenges.user_id is 'Whose challenge it is.';
comment on column app_vault.device_key_challenges.challenge is '32 random bytes.';
comment on column app_vault.device_key_challenges.expires_at is 'Until when a key can be registered with it.';
comment on function app_vault.request_device_key_challenge() is
  'Gives the challenge that a new device key signs. It is good for five minutes and one key; asking again replaces it.';
--! EndIncluded vault/device_key_challenges.sql
--! Included vault/device_keys.sql
-- Access ----------------------------------------------------------------------

select app_private.close_vault('app_vault.device_keys');

create policy select_owner on app_vault.device_keys
  for select to app_user
  using (user_id = (select app_hidden.current_user_id()));

create policy insert_owner on app_vault.device_keys
  for insert to app_user
  with check (user_id = (select app_hidden.current_user_id()));

create policy update_owner on app_vault.device_keys
  for update to app_user
  using (user_id = (select app_hidden.current_user_id()))
  with check (user_id = (select app_hidden.current_user_id()));

grant
  select (
    id, user_id, signing_key, agreement_key, fingerprint, state, challenge, proof, approved_by_id, approval, ended_at,
    created_at, updated_at
  ),
  insert (signing_key, agreement_key, challenge, proof, approved_by_id, approval),
  update (state)
on app_vault.device_keys to app_user;
-- No delete grant: without the keys of the past nobody could verify who approved the keys of today.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_vault.device_keys');
select app_private.audit_changes('app_vault.device_keys', 'id', '');

-- The gateway verifies Ed25519, which Postgres cannot, and says for which message and by which keys (as
-- "sha-256 of the message:key,key", in hex). It sets this for the one call and no client can: set_config is revoked
-- from request roles, and the gateway forwards no setting of this name.
create or replace function app_hidden.is_signed(message bytea, signing_key bytea) returns boolean as $$
  select coalesce(
    split_part(s.verified, ':', 1) = encode(sha256(is_signed.message), 'hex')
    and encode(is_signed.signing_key, 'hex') = any (string_to_array(split_part(s.verified, ':', 2), ',')),
    false
  )
  from (select current_setting('app.verified_signatures', true)) as s (verified);
$$ language sql stable parallel safe set search_path to '';

grant execute on function app_hidden.is_signed(bytea, bytea) to app_user;

-- Builds the message itself, from the row and from a challenge that it removes: what the gateway says about any other
-- message, another person's key or a challenge used before proves nothing here.
create or replace function app_private.tg_device_keys__require_proof() returns trigger as $$
declare
  v_message bytea := app_hidden.device_key_message(
    NEW.challenge, NEW.user_id, NEW.signing_key, NEW.agreement_key, NEW.approved_by_id
  );
  v_approver app_vault.device_keys;
begin
  delete from app_vault.device_key_challenges c
  where c.user_id = NEW.user_id
  and c.challenge = NEW.challenge
  and c.expires_at > now();
  if not found then
    raise exception 'The challenge is unknown, used or expired. Ask for a new one.' using errcode = 'EXPRD';
  end if;
  if not app_hidden.is_signed(v_message, NEW.signing_key) then
    raise exception 'The signature does not prove that you hold this device key.' using errcode = 'BADIN';
  end if;
  if NEW.approved_by_id is null then
    if exists (select from app_vault.device_keys k where k.user_id = NEW.user_id and k.state = 'active') then
      raise exception 'One of your active devices has to approve the new one.' using errcode = 'DENYD';
    end if;
    return NEW;
  end if;
  -- Locked, so that the approver is not revoked meanwhile.
  select * into v_approver
  from app_vault.device_keys k
  where k.user_id = NEW.user_id
  and k.id = NEW.approved_by_id
  and k.state = 'active'
  for update;
  if v_approver.id is null or not app_hidden.is_signed(v_message, v_approver.signing_key) then
    raise exception 'The approval is not signed by one of your active devices.' using errcode = 'DENYD';
  end if;
  return NEW;
end;
$$ language plpgsql volatile set search_path to '';

create or replace trigger _300_require_proof
  before insert on app_vault.device_keys
  for each row
  execute function app_private.tg_device_keys__require_proof();

-- active → retired → revoked, and never back. What was wrapped for a key that ended is removed with it.
create or replace function app_private.tg_device_keys__go_forward() returns trigger as $$
begin
  if NEW.state < OLD.state then
    raise exception 'A device key that was retired or revoked stays so. Register a new one.' using errcode = 'CNFLT';
  end if;
  NEW.ended_at := coalesce(OLD.ended_at, now());
  delete from app_vault.wrapped_keys w where w.user_id = NEW.user_id and w.device_key_id = NEW.id;
  return NEW;
end;
$$ language plpgsql volatile set search_path to '';

create or replace trigger _300_go_forward
  before update of state on app_vault.device_keys
  for each row
  when (NEW.state is distinct from OLD.state)
  execute function app_private.tg_device_keys__go_forward();

-- Documentation ---------------------------------------------------------------

comment on table app_vault.device_keys is
  E'@behavior -insert -update -delete -resource:aggregates -resource:groupedAggregates\nThe public keys of one of a person’s devices (or of their recovery key). Verify `proof` and `approval` up to a key you know before you wrap anything for it: the server could have added one.';
comment on column app_vault.device_keys.id is 'The device key’s id.';
comment on column app_vault.device_keys.user_id is 'Whose device it is.';
comment on column app_vault.device_keys.signing_key is 'Ed25519 public key, 32 bytes.';
comment on column app_vault.device_keys.agreement_key is 'X25519 public key, 32 bytes, to which data keys are wrapped.';
comment on column app_vault.device_keys.fingerprint is 'SHA-256 of both keys, in hex, to compare on two screens.';
comment on column app_vault.device_keys.state is 'Only an active key approves others and is given data keys.';
comment on column app_vault.device_keys.challenge is 'The challenge that was signed.';
comment on column app_vault.device_keys.proof is 'The device’s own signature.';
comment on column app_vault.device_keys.approved_by_id is 'The device that approved this one; null for the first.';
comment on column app_vault.device_keys.approval is 'The signature of the device that approved, over the same message.';
comment on column app_vault.device_keys.ended_at is 'When the key was retired or revoked.';
comment on column app_vault.device_keys.created_at is 'When the key was registered.';
comment on column app_vault.device_keys.updated_at is 'When it last changed.';
comment on type app_vault.device_key_state is
  E'@value active It is in use.\n@value retired It was replaced by a newer key of the device.\n@value revoked It is no longer trusted.\nIn use; replaced by a newer key of the device; or no longer trusted. There is no way back.';
comment on constraint device_keys_user_id_approved_by_id_fkey on app_vault.device_keys is
  E'@fieldName approvedBy\n@foreignFieldName approvedKeys';
--! EndIncluded vault/device_keys.sql
--! Included vault/wrapped_keys.sql
-- Access ----------------------------------------------------------------------

select app_private.close_vault('app_vault.wrapped_keys');

create policy select_owner on app_vault.wrapped_keys
  for select to app_user
  using (user_id = (select app_hidden.current_user_id()));

-- Nothing is wrapped for a device that was retired or revoked.
create policy insert_owner on app_vault.wrapped_keys
  for insert to app_user
  with check (
    user_id = (select app_hidden.current_user_id())
    and device_key_id in (select k.id from app_vault.device_keys k where k.state = 'active')
  );

create policy delete_owner on app_vault.wrapped_keys
  for delete to app_user
  using (user_id = (select app_hidden.current_user_id()));

grant
  select (id, user_id, device_key_id, key_id, ephemeral_key, nonce, ciphertext, created_at, updated_at),
  insert (device_key_id, key_id, ephemeral_key, nonce, ciphertext),
  delete
on app_vault.wrapped_keys to app_user;
-- No update grant: a key that is wrapped anew is a new row.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_vault.wrapped_keys');
select app_private.audit_changes('app_vault.wrapped_keys', 'id', '');

-- Documentation ---------------------------------------------------------------

comment on table app_vault.wrapped_keys is
  E'@behavior -resource:aggregates -resource:groupedAggregates\nA data key, encrypted to one device of its owner with X25519, HKDF-SHA-256 and AES-256-GCM.';
comment on column app_vault.wrapped_keys.id is 'The wrapped key’s id.';
comment on column app_vault.wrapped_keys.user_id is 'Whose key it is.';
comment on column app_vault.wrapped_keys.device_key_id is 'The device that can unwrap it.';
comment on column app_vault.wrapped_keys.key_id is 'The data key, by the id that envelopes name.';
comment on column app_vault.wrapped_keys.ephemeral_key is 'X25519 public key, made for this wrap alone.';
comment on column app_vault.wrapped_keys.nonce is '12 bytes.';
comment on column app_vault.wrapped_keys.ciphertext is 'The 32 bytes of the data key and the tag of 16.';
comment on column app_vault.wrapped_keys.created_at is 'When the key was wrapped.';
comment on column app_vault.wrapped_keys.updated_at is 'When it last changed.';
comment on type app_vault.key_wrap is 'A data key as it is handed in, encrypted to a new device.';
comment on column app_vault.key_wrap.key_id is 'The data key.';
comment on column app_vault.key_wrap.ephemeral_key is 'X25519 public key, made for this wrap alone.';
comment on column app_vault.key_wrap.nonce is '12 bytes.';
comment on column app_vault.key_wrap.ciphertext is 'The encrypted data key.';
--! EndIncluded vault/wrapped_keys.sql
--! Included vault/register_device_key.sql
-- Invoker; a trigger of device_keys decides about the proof. Not in the API by itself: the gateway's mutation of that
-- name verifies the signatures first (plugins/DeviceKeyProofPlugin.ts).

create or replace function app_vault.register_device_key(
  signing_key bytea,
  agreement_key bytea,
  challenge bytea,
  proof bytea,
  approved_by_id uuid = null,
  approval bytea = null
) returns app_vault.device_keys as $$
declare
  v_key app_vault.device_keys;
begin
  insert into app_vault.device_keys (signing_key, agreement_key, challenge, proof, approved_by_id, approval)
  values (
    register_device_key.signing_key,
    register_device_key.agreement_key,
    register_device_key.challenge,
    register_device_key.proof,
    register_device_key.approved_by_id,
    register_device_key.approval
  )
  returning * into v_key;
  return v_key;
end;
$$ language plpgsql volatile set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_vault.register_device_key(bytea, bytea, bytea, bytea, uuid, bytea) to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_vault.register_device_key(bytea, bytea, bytea, bytea, uuid, bytea) is
  E'@behavior -*\nAdds a device key that has signed a challenge and, unless it is the first, is approved by another.';
--! EndIncluded vault/register_device_key.sql
--! Included vault/rotate_device_key.sql
-- A device replaces its key: the new key comes, is given every data key, and the old one retires, all or nothing. The
-- old key approves the new one. Not in the API by itself: see register_device_key.

create or replace function app_vault.rotate_device_key(
  device_key_id uuid,
  signing_key bytea,
  agreement_key bytea,
  challenge bytea,
  proof bytea,
  approval bytea,
  wraps app_vault.key_wrap[]
) returns app_vault.device_keys as $$
declare
  v_key app_vault.device_keys;
  v_missing bigint;
begin
  -- Of two rotations of one key the second waits here. The lock also holds up whoever wraps another key for it.
  perform from app_vault.device_keys k
  where k.id = rotate_device_key.device_key_id
  and k.state = 'active'
  for update;
  if not found then
    raise exception 'There is no such active device key.' using errcode = 'NTFND';
  end if;

  v_key := app_vault.register_device_key(
    rotate_device_key.signing_key,
    rotate_device_key.agreement_key,
    rotate_device_key.challenge,
    rotate_device_key.proof,
    rotate_device_key.device_key_id,
    rotate_device_key.approval
  );
  insert into app_vault.wrapped_keys (device_key_id, key_id, ephemeral_key, nonce, ciphertext)
  select v_key.id, w.key_id, w.ephemeral_key, w.nonce, w.ciphertext
  from unnest(rotate_device_key.wraps) as w;

  select count(distinct w.key_id) into v_missing
  from app_vault.wrapped_keys w
  where w.key_id not in (select n.key_id from app_vault.wrapped_keys n where n.device_key_id = v_key.id);
  if v_missing > 0 then
    raise exception 'Wrap every data key for the new device: % missing.', v_missing using errcode = 'BADIN';
  end if;

  update app_vault.device_keys k set state = 'retired' where k.id = rotate_device_key.device_key_id;
  return v_key;
end;
$$ language plpgsql volatile set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_vault.rotate_device_key(
  uuid, bytea, bytea, bytea, bytea, bytea, app_vault.key_wrap[]
) to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_vault.rotate_device_key(uuid, bytea, bytea, bytea, bytea, bytea, app_vault.key_wrap[]) is
  E'@behavior -*\nReplaces a device’s key by a new one that it approves and that is given every data key.';
--! EndIncluded vault/rotate_device_key.sql
--! Included vault/revoke_device_key.sql
-- Invoker: the policies decide whose key it is. A revoked device has read what it could read: the client gives new data
-- keys to records as it changes them.
create or replace function app_vault.revoke_device_key(device_key_id uuid) returns app_vault.device_keys as $$
declare
  v_key app_vault.device_keys;
begin
  update app_vault.device_keys k
  set state = 'revoked'
  where k.id = revoke_device_key.device_key_id
  returning * into v_key;
  if v_key.id is null then
    raise exception 'There is no such device key.' using errcode = 'NTFND';
  end if;
  return v_key;
end;
$$ language plpgsql volatile strict set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_vault.revoke_device_key(uuid) to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_vault.revoke_device_key(uuid) is
  E'@argument device_key_id The device key.\nEnds a device key for good, for a device that was lost or stolen, and removes every data key that was wrapped for it.';
--! EndIncluded vault/revoke_device_key.sql
