create schema if not exists app_vault;

--!include vault/schema.sql
--!include vault/canonical_bytes.sql

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

--!include vault/close_vault.sql
--!include vault/envelopes.sql
--!include vault/encrypted_user_prefs.sql
--!include vault/encrypted_cycle_data.sql
--!include vault/update_cycle_data_optimistic.sql
--!include vault/device_key_challenges.sql
--!include vault/device_keys.sql
--!include vault/wrapped_keys.sql
--!include vault/register_device_key.sql
--!include vault/rotate_device_key.sql
--!include vault/revoke_device_key.sql
--!include vault/share_reader.sql
--!include vault/share_tokens.sql
--!include vault/healthcare_shares.sql
--!include vault/healthcare_share_records.sql
--!include vault/share_accesses.sql
--!include vault/redeem_share.sql
--!include vault/open_share.sql
--!include vault/audit_views.sql
