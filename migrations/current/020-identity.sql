do $$
begin
  if to_regtype('app_public.locale') is null then
    create type app_public.locale as enum ('en_CA', 'fr_CA', 'en_US', 'es_US', 'en_GB', 'de_DE', 'fr_FR');
  end if;
  if to_regtype('app_public.session_grant') is null then
    create type app_public.session_grant as (
      user_id uuid,
      session_id uuid,
      refresh_token text,
      expires_at timestamptz
    );
  end if;
end
$$;

-- E-mail addresses are kept in lower case by a constraint, and not as citext: its operators live in an extension's
-- schema, and under an empty search_path a comparison would quietly fall back to text's.
create table if not exists app_public.users (
  id uuid primary key default app_hidden.uuid_v7(),
  email text unique,
  email_verified_at timestamptz,
  is_superadmin boolean not null default false,
  clerk_id text unique,
  legacy_id text unique,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint users_email_is_normal check (email = lower(email) and email ~ '^[^@\s]+@[^@\s]+$' and length(email) <= 254)
);

create table if not exists app_public.profiles (
  user_id uuid primary key references app_public.users on delete cascade,
  display_name text not null default '',
  locale app_public.locale not null default 'en_CA',
  email text,
  email_verified_at timestamptz,
  consent_pipeda boolean not null default false,
  consent_marketing boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint profiles_display_name_is_short check (length(display_name) <= 200)
);

create table if not exists app_private.user_identities (
  issuer text not null,
  subject text not null,
  user_id uuid not null references app_public.users on delete cascade,
  created_at timestamptz not null default now(),
  primary key (issuer, subject)
);
create index if not exists user_identities_user_id_idx on app_private.user_identities (user_id);

create table if not exists app_private.password_hashes (
  user_id uuid primary key references app_public.users on delete cascade,
  password_hash text not null,
  changed_at timestamptz not null default now()
);

create table if not exists app_private.auth_sessions (
  id uuid primary key default app_hidden.uuid_v7(),
  user_id uuid not null references app_public.users on delete cascade,
  device_name text,
  created_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  expires_at timestamptz not null,
  revoked_at timestamptz,
  revoked_reason text,
  constraint auth_sessions_revocation_has_reason check ((revoked_at is null) = (revoked_reason is null))
);
create index if not exists auth_sessions_user_id_idx on app_private.auth_sessions (user_id);

-- All refresh tokens of one session are one family: a second use of any of them ends the session.
create table if not exists app_private.refresh_tokens (
  token_hash bytea primary key,
  session_id uuid not null references app_private.auth_sessions on delete cascade,
  issued_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz,
  constraint refresh_tokens_hash_is_sha256 check (octet_length(token_hash) = 32)
);
create index if not exists refresh_tokens_session_id_idx on app_private.refresh_tokens (session_id);

--!include identity/private_tables.sql
--!include identity/current_user_id.sql
--!include identity/users.sql
--!include identity/profiles.sql
--!include identity/viewer.sql
--!include identity/sessions.sql
--!include identity/register.sql
--!include identity/log_in.sql
--!include identity/refresh_session.sql
--!include identity/log_out.sql
