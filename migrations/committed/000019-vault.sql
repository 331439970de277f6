--! Previous: sha1:a25b95bfb7ef1e7b7854e1447de051695908c88e
--! Hash: sha1:daea5fd7acc0fc8ce2dfa1eab3a595b24872a00a
--! Message: vault

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 120-vault.sql
create schema if not exists app_vault;

--! Included vault/schema.sql
-- Access ----------------------------------------------------------------------

grant usage on schema app_vault to app_anonymous, app_user;
-- A backup holds ciphertext only: nothing in this schema is readable without a key that no server has.
grant usage on schema app_vault to app_backup;
-- Reads what a share or its link opens, and nothing else. `app_definer`, whom every other definer function runs as, has
-- no way in; neither have `app_worker` and `app_data`.
grant usage on schema app_vault, app_hidden, auth to app_share_reader;
-- It owns the functions that it runs.
grant create on schema app_vault to app_share_reader;

-- Documentation ---------------------------------------------------------------

comment on schema app_vault is
  'End-to-end encrypted records, device keys and shares. Only their owner and who holds a valid share can reach them.';
--! EndIncluded vault/schema.sql
--! Included vault/canonical_bytes.sql
-- Bytes that client and server build alike (src/vault-client, with test vectors): each field after its length in four
-- bytes, so that no two lists of fields give the same bytes.

create or replace function app_hidden.length_prefixed(variadic fields bytea[]) returns bytea as $$
  select string_agg(int4send(octet_length(f.value)) || f.value, ''::bytea order by f.position)
  from unnest(length_prefixed.fields) with ordinality as f (value, position);
$$ language sql immutable parallel safe strict set search_path to '';

-- The additional data of an envelope: what else was true of the row when it was sealed. A ciphertext in another row, of
-- another person, in an older version or under another key does not open.
create or replace function app_hidden.envelope_aad(
  table_name text,
  row_id uuid,
  user_id uuid,
  version integer,
  envelope_version smallint,
  algorithm text,
  key_id uuid
) returns bytea as $$
  select app_hidden.length_prefixed(
    decode('bailiwick.envelope', 'escape'),
    int2send(envelope_aad.envelope_version),
    decode(envelope_aad.algorithm, 'escape'),
    decode(envelope_aad.table_name, 'escape'),
    uuid_send(envelope_aad.row_id),
    uuid_send(envelope_aad.user_id),
    int4send(envelope_aad.version),
    uuid_send(envelope_aad.key_id)
  );
$$ language sql immutable parallel safe strict set search_path to '';

-- What a new device signs with its own key, and an older device with its key to approve the new one.
create or replace function app_hidden.device_key_message(
  challenge bytea,
  user_id uuid,
  signing_key bytea,
  agreement_key bytea,
  approved_by_id uuid
) returns bytea as $$
  select app_hidden.length_prefixed(
    decode('bailiwick.device-key.1', 'escape'),
    device_key_message.challenge,
    uuid_send(device_key_message.user_id),
    device_key_message.signing_key,
    device_key_message.agreement_key,
    coalesce(uuid_send(device_key_message.approved_by_id), ''::bytea)
  );
$$ language sql immutable parallel safe set search_path to '';

-- 32 bytes that are none of the points of small order, in any encoding: with one of those, anybody's signature fits, or
-- everybody agrees on the same secret. The top bit is not part of the point (Ed25519: the sign; X25519: ignored).
create or replace function app_hidden.is_sound_ed25519_key(key bytea) returns boolean as $$
  select case
    when octet_length(is_sound_ed25519_key.key) <> 32 then false
    else set_byte(is_sound_ed25519_key.key, 31, get_byte(is_sound_ed25519_key.key, 31) & 127) <> all (array[
      '\x0000000000000000000000000000000000000000000000000000000000000000',
      '\x0100000000000000000000000000000000000000000000000000000000000000',
      '\x26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
      '\xc7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
      '\xecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
      '\xedffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
      '\xeeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'
    ]::bytea[])
  end;
$$ language sql immutable parallel safe strict set search_path to '';

create or replace function app_hidden.is_sound_x25519_key(key bytea) returns boolean as $$
  select case
    when octet_length(is_sound_x25519_key.key) <> 32 then false
    else set_byte(is_sound_x25519_key.key, 31, get_byte(is_sound_x25519_key.key, 31) & 127) <> all (array[
      '\x0000000000000000000000000000000000000000000000000000000000000000',
      '\x0100000000000000000000000000000000000000000000000000000000000000',
      '\xe0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
      '\x5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
      '\xecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
      '\xedffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
      '\xeeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'
    ]::bytea[])
  end;
$$ language sql immutable parallel safe strict set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_hidden.length_prefixed(bytea[]),
  app_hidden.envelope_aad(text, uuid, uuid, integer, smallint, text, uuid),
  app_hidden.device_key_message(bytea, uuid, bytea, bytea, uuid),
  app_hidden.is_sound_ed25519_key(bytea),
  app_hidden.is_sound_x25519_key(bytea)
to app_user;
--! EndIncluded vault/canonical_bytes.sql

do $$
begin
  -- In this order a key only ever goes forward: see tg_device_keys__go_forward.
  if to_regtype('app_vault.device_key_state') is null then
    create type app_vault.device_key_state as enum ('active', 'retired', 'revoked');
  end if;
  if to_regtype('app_vault.key_wrap') is null then
    create type app_vault.key_wrap as (
      key_id uuid,
      ephemeral_key bytea,
      nonce bytea,
      ciphertext bytea
    );
  end if;
  if to_regtype('app_vault.shared_record') is null then
    create type app_vault.shared_record as (
      share_id uuid,
      record_id uuid,
      user_id uuid,
      version integer,
      envelope_version smallint,
      algorithm text,
      key_id uuid,
      nonce bytea,
      ciphertext bytea,
      wrapped_key_id uuid,
      wrapped_key_nonce bytea,
      wrapped_key bytea
    );
  end if;
end
$$;

-- One challenge a person: asking again replaces it, using it removes it.
create table if not exists app_vault.device_key_challenges (
  user_id uuid primary key default auth.uid() references app_public.users on delete cascade,
  challenge bytea not null unique default extensions.gen_random_bytes(32),
  expires_at timestamptz not null default now() + interval '5 minutes',
  constraint device_key_challenges_challenge_is_256_bits check (octet_length(challenge) = 32),
  constraint device_key_challenges_expires_soon check (expires_at <= now() + interval '5 minutes')
);

-- The challenge and both signatures stay with the key, so that every client can verify the chain from the first key on
-- and notice one that the server made up.
create table if not exists app_vault.device_keys (
  id uuid primary key default app_hidden.uuid_v7(),
  user_id uuid not null default auth.uid() references app_public.users on delete cascade,
  signing_key bytea not null,
  agreement_key bytea not null,
  fingerprint text not null generated always as (encode(sha256(signing_key || agreement_key), 'hex')) stored,
  state app_vault.device_key_state not null default 'active',
  challenge bytea not null unique,
  proof bytea not null,
  approved_by_id uuid,
  approval bytea,
  ended_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (user_id, id),
  unique (user_id, fingerprint),
  foreign key (user_id, approved_by_id) references app_vault.device_keys (user_id, id) on delete cascade,
  constraint device_keys_signing_key_is_sound check (app_hidden.is_sound_ed25519_key(signing_key)),
  constraint device_keys_agreement_key_is_sound check (app_hidden.is_sound_x25519_key(agreement_key)),
  constraint device_keys_proof_is_signature check (octet_length(proof) = 64),
  constraint device_keys_approval_is_signature check (octet_length(approval) = 64),
  constraint device_keys_approval_has_approver check ((approval is null) = (approved_by_id is null)),
  constraint device_keys_end_is_dated check ((ended_at is null) = (state = 'active'))
);
create index if not exists device_keys_user_id_approved_by_id_idx on app_vault.device_keys (user_id, approved_by_id);
-- Only the first key of all goes without the approval of another; of two that try at once, one is not the first.
create unique index if not exists device_keys_one_unapproved_idx
  on app_vault.device_keys (user_id) where approved_by_id is null and state = 'active';

-- A data key, encrypted to one device (X25519, HKDF-SHA-256, AES-256-GCM). 48 bytes are 32 of key and 16 of tag.
create table if not exists app_vault.wrapped_keys (
  id uuid primary key default app_hidden.uuid_v7(),
  user_id uuid not null default auth.uid() references app_public.users on delete cascade,
  device_key_id uuid not null,
  key_id uuid not null,
  ephemeral_key bytea not null,
  nonce bytea not null,
  ciphertext bytea not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (user_id, device_key_id, key_id),
  foreign key (user_id, device_key_id) references app_vault.device_keys (user_id, id) on delete cascade,
  constraint wrapped_keys_ephemeral_key_is_sound check (app_hidden.is_sound_x25519_key(ephemeral_key)),
  constraint wrapped_keys_nonce_is_96_bits check (octet_length(nonce) = 12),
  constraint wrapped_keys_ciphertext_is_one_key check (octet_length(ciphertext) = 48)
);

-- Every nonce that was ever used with a key, the ones of overwritten versions too: a second use breaks the encryption.
create table if not exists app_vault.spent_nonces (
  user_id uuid not null references app_public.users on delete cascade,
  key_id uuid not null,
  nonce bytea not null,
  primary key (user_id, key_id, nonce)
);

-- CryptoEnvelope. The client chooses the id, because the additional data (`aad`) binds it.
create table if not exists app_vault.encrypted_user_prefs (
  id uuid primary key,
  user_id uuid not null unique default auth.uid() references app_public.users on delete cascade,
  version integer not null default 1,
  envelope_version smallint not null default 1,
  algorithm text not null,
  key_id uuid not null,
  nonce bytea not null,
  ciphertext bytea not null,
  aad bytea not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (user_id, key_id, nonce),
  constraint encrypted_user_prefs_envelope_is_known check (envelope_version = 1),
  constraint encrypted_user_prefs_algorithm_is_known check (algorithm in ('AES-256-GCM', 'XChaCha20-Poly1305')),
  constraint encrypted_user_prefs_nonce_fits_algorithm
    check (octet_length(nonce) = case algorithm when 'AES-256-GCM' then 12 else 24 end),
  constraint encrypted_user_prefs_ciphertext_is_bounded check (octet_length(ciphertext) between 16 and 65536),
  constraint encrypted_user_prefs_aad_binds_row check (
    aad = app_hidden.envelope_aad(
      'app_vault.encrypted_user_prefs', id, user_id, version, envelope_version, algorithm, key_id
    )
  )
);

create table if not exists app_vault.encrypted_cycle_data (
  id uuid primary key,
  user_id uuid not null default auth.uid() references app_public.users on delete cascade,
  version integer not null default 1,
  envelope_version smallint not null default 1,
  algorithm text not null,
  key_id uuid not null,
  nonce bytea not null,
  ciphertext bytea not null,
  aad bytea not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (user_id, id),
  unique (user_id, key_id, nonce),
  constraint encrypted_cycle_data_envelope_is_known check (envelope_version = 1),
  constraint encrypted_cycle_data_algorithm_is_known check (algorithm in ('AES-256-GCM', 'XChaCha20-Poly1305')),
  constraint encrypted_cycle_data_nonce_fits_algorithm
    check (octet_length(nonce) = case algorithm when 'AES-256-GCM' then 12 else 24 end),
  constraint encrypted_cycle_data_ciphertext_is_bounded check (octet_length(ciphertext) between 16 and 65536),
  constraint encrypted_cycle_data_aad_binds_row check (
    aad = app_hidden.envelope_aad(
      'app_vault.encrypted_cycle_data', id, user_id, version, envelope_version, algorithm, key_id
    )
  )
);

-- `recipient_clinic_id` and not `clinic_id`: the audit copies that name, and a clinic would read of its own in it.
create table if not exists app_vault.healthcare_shares (
  id uuid primary key default app_hidden.uuid_v7(),
  user_id uuid not null default auth.uid() references app_public.users on delete cascade,
  -- A share outlives the clinic, with the record of who has opened it; then a link is the only way.
  recipient_clinic_id uuid references app_public.clinics on delete set null,
  expires_at timestamptz not null,
  revoked_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (user_id, id),
  constraint healthcare_shares_expires_within_a_year
    check (expires_at > created_at and expires_at <= created_at + interval '1 year')
);
create index if not exists healthcare_shares_recipient_clinic_id_idx
  on app_vault.healthcare_shares (recipient_clinic_id) where recipient_clinic_id is not null;

-- One record of a share, with the record's data key encrypted under the share's, which no server ever sees.
create table if not exists app_vault.healthcare_share_records (
  id uuid primary key default app_hidden.uuid_v7(),
  user_id uuid not null default auth.uid() references app_public.users on delete cascade,
  share_id uuid not null,
  record_id uuid not null,
  key_id uuid not null,
  nonce bytea not null,
  ciphertext bytea not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (user_id, share_id, record_id),
  unique (user_id, share_id, nonce),
  foreign key (user_id, share_id) references app_vault.healthcare_shares (user_id, id) on delete cascade,
  foreign key (user_id, record_id) references app_vault.encrypted_cycle_data (user_id, id) on delete cascade,
  constraint healthcare_share_records_nonce_is_96_bits check (octet_length(nonce) = 12),
  constraint healthcare_share_records_ciphertext_is_one_key check (octet_length(ciphertext) = 48)
);
create index if not exists healthcare_share_records_user_id_record_id_idx
  on app_vault.healthcare_share_records (user_id, record_id);
create index if not exists healthcare_share_records_share_id_idx on app_vault.healthcare_share_records (share_id);

create table if not exists app_vault.share_tokens (
  id uuid primary key default app_hidden.uuid_v7(),
  user_id uuid not null default auth.uid() references app_public.users on delete cascade,
  share_id uuid not null,
  token_hash bytea not null unique,
  max_uses integer not null default 1,
  uses integer not null default 0,
  expires_at timestamptz not null,
  revoked_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  foreign key (user_id, share_id) references app_vault.healthcare_shares (user_id, id) on delete cascade,
  constraint share_tokens_hash_is_sha256 check (octet_length(token_hash) = 32),
  constraint share_tokens_max_uses_is_small check (max_uses between 1 and 100),
  constraint share_tokens_uses_end check (uses between 0 and max_uses),
  constraint share_tokens_expires_within_30_days
    check (expires_at > created_at and expires_at <= created_at + interval '30 days')
);
create index if not exists share_tokens_user_id_share_id_idx on app_vault.share_tokens (user_id, share_id);

-- That a share was opened, by whom (a clinic's person) or how (somebody with the link): written with the opening.
create table if not exists app_vault.share_accesses (
  id uuid primary key default app_hidden.uuid_v7(),
  user_id uuid not null references app_public.users on delete cascade,
  share_id uuid not null,
  token_id uuid references app_vault.share_tokens on delete cascade,
  reader_id uuid,
  accessed_at timestamptz not null default clock_timestamp(),
  foreign key (user_id, share_id) references app_vault.healthcare_shares (user_id, id) on delete cascade,
  constraint share_accesses_reader_or_link check (token_id is not null or reader_id is not null)
);
create index if not exists share_accesses_user_id_idx on app_vault.share_accesses (user_id, accessed_at desc, id);
create index if not exists share_accesses_user_id_share_id_idx on app_vault.share_accesses (user_id, share_id);
create index if not exists share_accesses_token_id_idx on app_vault.share_accesses (token_id);

--! Included vault/close_vault.sql
-- Each table of the vault starts its access section with this. The first policy holds people to what is theirs, a
-- superadmin like anybody else; the second holds everybody who is not a person to nothing, whatever permissive policy
-- somebody may add. `except_role` is who else reads the table, under a policy of its own.
create or replace function app_private.close_vault(target regclass, except_role name = null) returns void as $$
begin
  perform app_private.reset_access(close_vault.target);
  execute format('revoke all on %s from app_share_reader', close_vault.target);
  execute format(
    'create policy owner_boundary on %s as restrictive to app_user'
    ' using (user_id = (select app_hidden.current_user_id()))'
    ' with check (user_id = (select app_hidden.current_user_id()))',
    close_vault.target
  );
  execute format(
    'create policy closed_boundary on %s as restrictive to %s using (false) with check (false)',
    close_vault.target,
    (
      select string_agg(quote_ident(r), ', ')
      from unnest(array[
        'app_anonymous', 'app_worker', 'app_data', 'app_definer', 'app_owner', 'app_authenticator', 'app_share_reader'
      ]) as r
      where r is distinct from close_vault.except_role::text
    )
  );
end;
$$ language plpgsql volatile set search_path to '';
--! EndIncluded vault/close_vault.sql
--! Included vault/envelopes.sql
-- What the tables of encrypted records have in common.

-- A changed record is a new version with a nonce of its own. A client that remembers the last version it saw notices an
-- older one that the server would put in its place.
create or replace function app_private.tg__next_version() returns trigger as $$
begin
  if NEW.version is distinct from (case TG_OP when 'INSERT' then 1 else OLD.version + 1 end) then
    raise exception 'A new record has version 1, and each change the next one.' using errcode = 'BADIN';
  end if;
  return NEW;
end;
$$ language plpgsql volatile set search_path to '';

-- Runs with the rights of who writes, which are to add nonces of their own.
create or replace function app_private.tg__spend_nonce() returns trigger as $$
begin
  insert into app_vault.spent_nonces (user_id, key_id, nonce)
  values (NEW.user_id, NEW.key_id, NEW.nonce)
  on conflict do nothing;
  if not found then
    raise exception 'This nonce was used with this key before. Seal the record again.' using errcode = 'BADIN';
  end if;
  return NEW;
end;
$$ language plpgsql volatile set search_path to '';

create or replace function app_private.install_envelope_triggers(target regclass) returns void as $$
begin
  execute format(
    'create or replace trigger _300_next_version before insert or update on %s'
    ' for each row execute function app_private.tg__next_version()',
    install_envelope_triggers.target
  );
  execute format(
    'create or replace trigger _310_spend_nonce before insert or update on %s'
    ' for each row execute function app_private.tg__spend_nonce()',
    install_envelope_triggers.target
  );
end;
$$ language plpgsql volatile set search_path to '';

-- Access ----------------------------------------------------------------------

select app_private.close_vault('app_vault.spent_nonces');

create policy insert_owner on app_vault.spent_nonces
  for insert to app_user
  with check (user_id = (select app_hidden.current_user_id()));

grant insert (user_id, key_id, nonce) on app_vault.spent_nonces to app_user;
-- Nobody reads, changes or removes one: a forgotten nonce could be used again.

-- Documentation ---------------------------------------------------------------

comment on table app_vault.spent_nonces is
  E'@behavior -*\nEvery nonce that was used with a key, of overwritten versions too. Not in the API; written by a trigger.';
--! EndIncluded vault/envelopes.sql
--! Included vault/encrypted_user_prefs.sql
-- Access ----------------------------------------------------------------------

select app_private.close_vault('app_vault.encrypted_user_prefs');

create policy select_owner on app_vault.encrypted_user_prefs
  for select to app_user
  using (user_id = (select app_hidden.current_user_id()));

create policy insert_owner on app_vault.encrypted_user_prefs
  for insert to app_user
  with check (user_id = (select app_hidden.current_user_id()));

create policy update_owner on app_vault.encrypted_user_prefs
  for update to app_user
  using (user_id = (select app_hidden.current_user_id()))
  with check (user_id = (select app_hidden.current_user_id()));

create policy delete_owner on app_vault.encrypted_user_prefs
  for delete to app_user
  using (user_id = (select app_hidden.current_user_id()));

grant
  select (
    id, user_id, version, envelope_version, algorithm, key_id, nonce, ciphertext, aad, created_at, updated_at
  ),
  insert (id, envelope_version, algorithm, key_id, nonce, ciphertext, aad),
  update (version, envelope_version, algorithm, key_id, nonce, ciphertext, aad),
  delete
on app_vault.encrypted_user_prefs to app_user;
-- No insert grant on user_id and version: a record is the caller's own and starts with version 1.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_vault.encrypted_user_prefs');
select app_private.install_envelope_triggers('app_vault.encrypted_user_prefs');
select app_private.audit_changes('app_vault.encrypted_user_prefs', 'id', '');

-- Documentation ---------------------------------------------------------------

comment on table app_vault.encrypted_user_prefs is
  E'@behavior -update -resource:aggregates -resource:groupedAggregates\nA person’s encrypted preferences, one record each. The server holds no key to it. Changed by `updateUserPrefsOptimistic`.';
comment on column app_vault.encrypted_user_prefs.id is
  'The record’s id, chosen by the client, because the encryption is bound to it.';
comment on column app_vault.encrypted_user_prefs.user_id is 'Whose record it is.';
comment on column app_vault.encrypted_user_prefs.version is
  'Grows by one with each change. Keep the last one you saw: an older one that comes later is a rollback.';
comment on column app_vault.encrypted_user_prefs.envelope_version is 'The form of the envelope; 1.';
comment on column app_vault.encrypted_user_prefs.algorithm is 'AES-256-GCM or XChaCha20-Poly1305.';
comment on column app_vault.encrypted_user_prefs.key_id is 'The data key that opens the record.';
comment on column app_vault.encrypted_user_prefs.nonce is
  '12 bytes for AES-256-GCM, 24 for XChaCha20-Poly1305. No nonce is accepted twice with one key.';
comment on column app_vault.encrypted_user_prefs.ciphertext is
  'The sealed and padded content with its tag: 16 bytes to 64 KiB.';
comment on column app_vault.encrypted_user_prefs.aad is
  'The additional data: table, row, person, version, algorithm and key, in the canonical form of the vault client.';
comment on column app_vault.encrypted_user_prefs.created_at is 'When the record was made.';
comment on column app_vault.encrypted_user_prefs.updated_at is 'When the record last changed.';
--! EndIncluded vault/encrypted_user_prefs.sql
--! Included vault/encrypted_cycle_data.sql
-- Access ----------------------------------------------------------------------

select app_private.close_vault('app_vault.encrypted_cycle_data', 'app_share_reader');

create policy select_owner on app_vault.encrypted_cycle_data
  for select to app_user
  using (user_id = (select app_hidden.current_user_id()));

create policy insert_owner on app_vault.encrypted_cycle_data
  for insert to app_user
  with check (user_id = (select app_hidden.current_user_id()));

create policy update_owner on app_vault.encrypted_cycle_data
  for update to app_user
  using (user_id = (select app_hidden.current_user_id()))
  with check (user_id = (select app_hidden.current_user_id()));

create policy delete_owner on app_vault.encrypted_cycle_data
  for delete to app_user
  using (user_id = (select app_hidden.current_user_id()));

-- The records of the shares that are open in this statement; those come from share_tokens and healthcare_shares.
create policy select_share_reader on app_vault.encrypted_cycle_data
  for select to app_share_reader
  using (id in (select r.record_id from app_vault.healthcare_share_records r));

grant
  select (
    id, user_id, version, envelope_version, algorithm, key_id, nonce, ciphertext, aad, created_at, updated_at
  ),
  insert (id, envelope_version, algorithm, key_id, nonce, ciphertext, aad),
  update (version, envelope_version, algorithm, key_id, nonce, ciphertext, aad),
  delete
on app_vault.encrypted_cycle_data to app_user;
grant select (id, user_id, version, envelope_version, algorithm, key_id, nonce, ciphertext)
on app_vault.encrypted_cycle_data to app_share_reader;
-- No insert grant on user_id and version: a record is the caller's own and starts with version 1.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_vault.encrypted_cycle_data');
select app_private.install_envelope_triggers('app_vault.encrypted_cycle_data');
select app_private.audit_changes('app_vault.encrypted_cycle_data', 'id', '');

-- Documentation ---------------------------------------------------------------

comment on table app_vault.encrypted_cycle_data is
  E'@name encrypted_cycle_records\n@behavior -update -resource:aggregates -resource:groupedAggregates\nOne encrypted record of a person’s cycle data. The server holds no key to it. Changed by `updateCycleDataOptimistic`.';
comment on column app_vault.encrypted_cycle_data.id is
  'The record’s id, chosen by the client, because the encryption is bound to it.';
comment on column app_vault.encrypted_cycle_data.user_id is 'Whose record it is.';
comment on column app_vault.encrypted_cycle_data.version is
  'Grows by one with each change. Keep the last one you saw: an older one that comes later is a rollback.';
comment on column app_vault.encrypted_cycle_data.envelope_version is 'The form of the envelope; 1.';
comment on column app_vault.encrypted_cycle_data.algorithm is 'AES-256-GCM or XChaCha20-Poly1305.';
comment on column app_vault.encrypted_cycle_data.key_id is 'The data key that opens the record.';
comment on column app_vault.encrypted_cycle_data.nonce is
  '12 bytes for AES-256-GCM, 24 for XChaCha20-Poly1305. No nonce is accepted twice with one key.';
comment on column app_vault.encrypted_cycle_data.ciphertext is
  'The sealed and padded content with its tag: 16 bytes to 64 KiB.';
comment on column app_vault.encrypted_cycle_data.aad is
  'The additional data: table, row, person, version, algorithm and key, in the canonical form of the vault client.';
comment on column app_vault.encrypted_cycle_data.created_at is 'When the record was made.';
comment on column app_vault.encrypted_cycle_data.updated_at is 'When the record last changed.';
--! EndIncluded vault/encrypted_cycle_data.sql
