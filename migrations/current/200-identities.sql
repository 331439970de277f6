do $$
begin
  if to_regtype('app_public.signed_in_session') is null then
    create type app_public.signed_in_session as (
      session_id uuid,
      device_name text,
      started_at timestamptz,
      last_seen_at timestamptz,
      expires_at timestamptz,
      is_current boolean,
      client_count integer
    );
  end if;
end
$$;

-- Subjects that an issuer deleted before anything else was heard of them, so that they stand for no user.
create table if not exists app_private.ended_identities (
  issuer text not null,
  subject text not null,
  ended_at timestamptz not null default now(),
  primary key (issuer, subject)
);

create table if not exists app_private.session_clients (
  session_id uuid not null references app_private.auth_sessions on delete cascade,
  client_hash text not null,
  first_seen_at timestamptz not null default now(),
  primary key (session_id, client_hash),
  constraint session_clients_hash_is_sha256 check (client_hash ~ '^[0-9a-f]{64}$')
);

create table if not exists app_private.sign_in_attempts (
  key_hash bytea primary key,
  attempts integer not null,
  ends_at timestamptz not null,
  constraint sign_in_attempts_hash_is_sha256 check (octet_length(key_hash) = 32)
);
create index if not exists sign_in_attempts_ends_at_idx on app_private.sign_in_attempts (ends_at);

--!include identity/user_identities_facts.sql
--!include identity/private_tables.sql
--!include identity/users.sql
--!include identity/profiles.sql
--!include identity/session_clients.sql
--!include identity/sign_in_attempts.sql
--!include foundation/request_context.sql
--!include identity/current_user_id.sql
--!include identity/apply_identity.sql
--!include identity/resolve_identity.sql
--!include identity/end_identity.sql
