--! Previous: sha1:7cdec3cf9148c3734585cfe3aee7e1b4fc960641
--! Hash: sha1:a22038af1b2c7e69af591083003b85cd1200ec49
--! Message: identity

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 020-identity.sql
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

--! Included identity/private_tables.sql
-- Access ----------------------------------------------------------------------

-- No request role has a grant on app_private, not even USAGE. The policies below are always true because the functions
-- of `app_definer` look rows up before they know whose they are (by e-mail, by token hash); each returns the caller's own.

select app_private.reset_access('app_private.user_identities');
create policy all_definer on app_private.user_identities to app_definer using (true) with check (true);
grant select, insert (issuer, subject, user_id) on app_private.user_identities to app_definer;

select app_private.reset_access('app_private.password_hashes');
create policy all_definer on app_private.password_hashes to app_definer using (true) with check (true);
grant select, insert (user_id, password_hash), update (password_hash, changed_at)
on app_private.password_hashes to app_definer;

select app_private.reset_access('app_private.auth_sessions');
create policy all_definer on app_private.auth_sessions to app_definer using (true) with check (true);
grant
  select,
  insert (user_id, device_name, expires_at),
  update (last_seen_at, revoked_at, revoked_reason)
on app_private.auth_sessions to app_definer;

select app_private.reset_access('app_private.refresh_tokens');
create policy all_definer on app_private.refresh_tokens to app_definer using (true) with check (true);
grant select, insert (token_hash, session_id, expires_at), update (used_at)
on app_private.refresh_tokens to app_definer;

-- Documentation ---------------------------------------------------------------

comment on table app_private.user_identities is
  'Which user a verified subject of an identity provider is. One user may come from several providers.';
comment on table app_private.password_hashes is 'bcrypt hashes of local passwords.';
comment on table app_private.auth_sessions is
  'One row per sign-in. A token names its session, and every statement checks that the session still stands.';
comment on table app_private.refresh_tokens is
  'SHA-256 of each refresh token handed out. A token works once; a second use revokes its session.';
--! EndIncluded identity/private_tables.sql
--! Included identity/current_user_id.sql
set local role app_definer;

-- The person behind the request, after a look at whether the session and the person still stand. Everything that decides
-- about access starts here, so a revoked session is refused by the next statement, whatever the token says, and loudly:
-- an empty answer would look like "nothing there".
create or replace function app_hidden.current_user_id() returns uuid as $$
declare
  v_user_id uuid := auth.uid();
  v_session_id uuid := app_hidden.current_session_id();
begin
  if v_user_id is null then
    return null;
  end if;
  if not exists (
    select from app_public.users u
    where u.id = v_user_id
    and u.deleted_at is null
  ) or (
    v_session_id is not null
    and not exists (
      select from app_private.auth_sessions s
      where s.id = v_session_id
      and s.user_id = v_user_id
      and s.revoked_at is null
      and s.expires_at > now()
    )
  ) then
    raise exception 'This session has ended. Sign in again.' using errcode = 'UNAUT';
  end if;
  return v_user_id;
end;
$$ language plpgsql stable parallel safe security definer set search_path to '';

-- Read from the database in each statement and never from the token.
create or replace function app_hidden.is_superadmin() returns boolean as $$
declare
  v_user_id uuid := app_hidden.current_user_id();
begin
  return coalesce((select u.is_superadmin from app_public.users u where u.id = v_user_id), false);
end;
$$ language plpgsql stable parallel safe security definer set search_path to '';

-- `app.is_superadmin` for policies that read a setting, in transactions that the server itself opens (withTenant). Computed
-- here and nowhere else, so that neither a token nor a header can say it.
create or replace function app_hidden.set_superadmin_setting() returns void as $$
begin
  perform set_config('app.is_superadmin', app_hidden.is_superadmin()::text, true);
end;
$$ language plpgsql volatile security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_hidden.current_user_id(),
  app_hidden.is_superadmin()
to app_anonymous, app_user;
grant execute on function app_hidden.set_superadmin_setting() to app_user;

reset role;
--! EndIncluded identity/current_user_id.sql
--! Included identity/users.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.users');

create policy select_self on app_public.users
  for select to app_user
  using (id = (select app_hidden.current_user_id()) or (select app_hidden.is_superadmin()));

-- Signing in finds a person by e-mail, before anybody is known.
create policy select_definer on app_public.users
  for select to app_definer
  using (true);

create policy insert_definer on app_public.users
  for insert to app_definer
  with check (not is_superadmin);

-- An import brings people who belong to no tenant themselves; it can neither see the others nor make a superadmin.
create policy insert_data on app_public.users
  for insert to app_data
  with check (not is_superadmin and app_hidden.data_scope() is not null);

grant select (
  id, email, email_verified_at, is_superadmin, clerk_id, legacy_id, created_at, updated_at, deleted_at
) on app_public.users to app_user;
-- No insert or update grant for requests: people come by register() or an identity provider, and nobody edits
-- is_superadmin over the API.
grant select, insert (email) on app_public.users to app_definer;
grant insert (id, legacy_id) on app_public.users to app_data;

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.users');

set local role app_definer;

-- A user has a profile from the first moment (so that reading one's profile never comes back empty), and the copy of the
-- e-mail address there follows.
create or replace function app_private.tg_users__keep_profile() returns trigger as $$
begin
  insert into app_public.profiles (user_id, email, email_verified_at)
  values (NEW.id, NEW.email, NEW.email_verified_at)
  on conflict (user_id) do update
  set email = excluded.email, email_verified_at = excluded.email_verified_at;
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_private.tg_users__keep_profile() to app_owner;

reset role;

create or replace trigger _200_keep_profile
  after insert or update of email, email_verified_at on app_public.users
  for each row
  execute function app_private.tg_users__keep_profile();

-- Documentation ---------------------------------------------------------------

comment on table app_public.users is
  E'@behavior -query:resource:list -query:resource:connection -query:resource:single\nA person who can sign in. Only what identifies them is kept here; see `profile` for the rest.';
comment on column app_public.users.id is 'The person’s id; the subject of their tokens.';
comment on column app_public.users.email is 'The address the person signs in with, in lower case.';
comment on column app_public.users.email_verified_at is 'When the address was proven to be theirs; null if it was not.';
comment on column app_public.users.is_superadmin is
  'Works for the operator of this installation, across organizations. Nobody can set it over the API.';
comment on column app_public.users.clerk_id is 'The person’s id at Clerk, where they sign in with Clerk.';
comment on column app_public.users.legacy_id is 'The person’s id in the system they were brought over from.';
comment on column app_public.users.created_at is 'When the person was first known here.';
comment on column app_public.users.updated_at is 'When this record last changed.';
comment on column app_public.users.deleted_at is 'When the account was closed; null while it is open.';
--! EndIncluded identity/users.sql
--! Included identity/profiles.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.profiles');

create policy select_self on app_public.profiles
  for select to app_user
  using (user_id = (select app_hidden.current_user_id()) or (select app_hidden.is_superadmin()));

create policy update_self on app_public.profiles
  for update to app_user
  using (user_id = (select app_hidden.current_user_id()))
  with check (user_id = (select app_hidden.current_user_id()));

-- Kept in step with the user by a trigger, whoever that user is.
create policy all_definer on app_public.profiles
  to app_definer
  using (true)
  with check (true);

grant
  select (
    user_id, display_name, locale, email, email_verified_at, consent_pipeda, consent_marketing, created_at, updated_at
  ),
  update (display_name, locale, consent_pipeda, consent_marketing)
on app_public.profiles to app_user;
grant
  select,
  insert (user_id, email, email_verified_at),
  update (display_name, email, email_verified_at)
on app_public.profiles to app_definer;
-- No insert or delete grant for requests: a profile comes and goes with its user.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.profiles');

-- Documentation ---------------------------------------------------------------

comment on table app_public.profiles is
  E'@behavior -query:resource:list -query:resource:connection\nWhat a person says about themselves. Visible to that person only.';
comment on column app_public.profiles.user_id is 'The person this profile belongs to.';
comment on column app_public.profiles.display_name is 'The name the person wants to be shown by.';
comment on column app_public.profiles.locale is 'Language and region for texts and formats.';
comment on column app_public.profiles.email is 'The person’s address, a copy of the one they sign in with.';
comment on column app_public.profiles.email_verified_at is 'When the address was proven to be theirs.';
comment on column app_public.profiles.consent_pipeda is
  'Agreed to the handling of personal data under PIPEDA (Canada).';
comment on column app_public.profiles.consent_marketing is 'Agreed to be sent news that is not about their care.';
comment on column app_public.profiles.created_at is 'When the profile was made.';
comment on column app_public.profiles.updated_at is 'When the profile last changed.';
comment on type app_public.locale is '@value en_US English (United States).
@value en_CA English (Canada).
@value en_GB English (United Kingdom).
@value fr_CA French (Canada).
@value fr_FR French (France).
@value es_US Spanish (United States).
@value de_DE German (Germany).
Languages and regions the texts exist in.';
--! EndIncluded identity/profiles.sql
--! Included identity/viewer.sql
create or replace function app_public.viewer() returns app_public.users as $$
  select u from app_public.users u where u.id = (select app_hidden.current_user_id());
$$ language sql stable parallel safe set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_public.viewer() to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.viewer() is 'The person who is signed in.';
--! EndIncluded identity/viewer.sql
--! Included identity/sessions.sql
set local role app_definer;

-- A new refresh token for a session: 256 random bits, shown once; only its SHA-256 is kept. High entropy, so no slow hash.
create or replace function app_private.issue_refresh_token(session_id uuid) returns text as $$
declare
  v_token text := encode(extensions.gen_random_bytes(32), 'hex');
begin
  insert into app_private.refresh_tokens (token_hash, session_id, expires_at)
  values (sha256(convert_to(v_token, 'UTF8')), issue_refresh_token.session_id, now() + interval '30 days');
  return v_token;
end;
$$ language plpgsql volatile security definer set search_path to '';

create or replace function app_private.start_session(
  user_id uuid,
  device_name text = null,
  lifetime interval = '30 days'
) returns app_public.session_grant as $$
declare
  v_session app_private.auth_sessions;
begin
  insert into app_private.auth_sessions (user_id, device_name, expires_at)
  values (start_session.user_id, start_session.device_name, now() + start_session.lifetime)
  returning * into v_session;
  return row(
    v_session.user_id,
    v_session.id,
    app_private.issue_refresh_token(v_session.id),
    v_session.expires_at
  )::app_public.session_grant;
end;
$$ language plpgsql volatile security definer set search_path to '';

reset role;

-- Documentation ---------------------------------------------------------------

comment on type app_public.session_grant is
  'What a client holds after signing in. Keep the refresh token secret; it works once.';
comment on column app_public.session_grant.user_id is 'The person who signed in.';
comment on column app_public.session_grant.session_id is 'The session that the access token belongs to.';
comment on column app_public.session_grant.refresh_token is
  'Hand this to `refreshSession` for the next pair of tokens. Using it a second time ends the session.';
comment on column app_public.session_grant.expires_at is 'When the session ends, however often it is refreshed.';
--! EndIncluded identity/sessions.sql
--! Included identity/register.sql
set local role app_definer;

create or replace function app_public.register(email text, password text, display_name text = '')
returns app_public.session_grant as $$
declare
  v_email text := lower(trim(register.email));
  v_user_id uuid;
begin
  if v_email !~ '^[^@\s]+@[^@\s]+$' or length(v_email) > 254 then
    raise exception 'The e-mail address is not valid.' using errcode = 'BADIN';
  end if;
  -- 72 bytes is where bcrypt stops looking: longer passwords would be cut in silence.
  if length(register.password) < 12 or octet_length(register.password) > 72 then
    raise exception 'The password must have at least 12 characters and at most 72 bytes.' using errcode = 'BADIN';
  end if;
  if length(register.display_name) > 200 then
    raise exception 'The display name must have at most 200 characters.' using errcode = 'BADIN';
  end if;

  insert into app_public.users (email)
  values (v_email)
  on conflict do nothing
  returning id into v_user_id;
  if v_user_id is null then
    raise exception 'This e-mail address cannot be registered.' using errcode = 'TAKEN';
  end if;

  insert into app_private.password_hashes (user_id, password_hash)
  values (v_user_id, extensions.crypt(register.password, extensions.gen_salt('bf', 10)));
  update app_public.profiles p
  set display_name = coalesce(register.display_name, '')
  where p.user_id = v_user_id;

  return app_private.start_session(v_user_id);
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_public.register(text, text, text) to app_anonymous, app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.register(text, text, text) is '@argument email The address to sign in with.
@argument password At least 12 characters.
@argument display_name What others see.
Makes an account with an e-mail address and a password of 12 characters or more, and signs it in.';

reset role;
--! EndIncluded identity/register.sql
--! Included identity/log_in.sql
set local role app_definer;

-- One answer for an unknown address and a wrong password, after the same work: without a hash to compare with, a made-up
-- one of the same cost is compared.
create or replace function app_public.log_in(email text, password text) returns app_public.session_grant as $$
declare
  v_user_id uuid;
  v_hash text;
begin
  select u.id, h.password_hash
  into v_user_id, v_hash
  from app_public.users u
  join app_private.password_hashes h on h.user_id = u.id
  where u.email = lower(trim(log_in.email))
  and u.deleted_at is null;

  -- bcrypt stops looking after 72 bytes: a longer password is wrong, whatever it begins with.
  if octet_length(log_in.password) > 72 or extensions.crypt(
    log_in.password,
    coalesce(v_hash, '$2a$10$JDa5PJNuUSBGJ0Yp6lCO6OEIUtMh31u4HY.wRYlW02GX0SNOXNq0W')
  ) is distinct from v_hash then
    raise exception 'E-mail address or password is wrong.' using errcode = 'LOGIN';
  end if;
  return app_private.start_session(v_user_id);
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_public.log_in(text, text) to app_anonymous, app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.log_in(text, text) is '@argument email The address of the account, in any case.
@argument password The password of the account.
Signs in with an e-mail address and a password.';

reset role;
--! EndIncluded identity/log_in.sql
--! Included identity/refresh_session.sql
set local role app_definer;

-- Null means "sign in again", for every reason alike. It cannot be an exception: that would roll back the revocation of a
-- session whose token came a second time (the gateway turns the null into the error SESSION_REVOKED).
create or replace function app_public.refresh_session(refresh_token text) returns app_public.session_grant as $$
declare
  v_hash bytea := sha256(convert_to(refresh_session.refresh_token, 'UTF8'));
  v_session app_private.auth_sessions;
begin
  -- One statement decides who of two simultaneous callers was first.
  update app_private.refresh_tokens t
  set used_at = now()
  from app_private.auth_sessions s
  where t.token_hash = v_hash
  and t.used_at is null
  and t.expires_at > now()
  and s.id = t.session_id
  and s.revoked_at is null
  and s.expires_at > now()
  and exists (select from app_public.users u where u.id = s.user_id and u.deleted_at is null)
  returning s.* into v_session;

  if v_session.id is null then
    update app_private.auth_sessions s
    set revoked_at = now(), revoked_reason = 'refresh token used twice'
    where s.revoked_at is null
    and s.id = (
      select t.session_id
      from app_private.refresh_tokens t
      where t.token_hash = v_hash
      and t.used_at is not null
    );
    return null;
  end if;

  update app_private.auth_sessions s set last_seen_at = now() where s.id = v_session.id;
  return row(
    v_session.user_id,
    v_session.id,
    app_private.issue_refresh_token(v_session.id),
    v_session.expires_at
  )::app_public.session_grant;
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_public.refresh_session(text) to app_anonymous, app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.refresh_session(text) is '@argument refresh_token The refresh token that came last.
Exchanges a refresh token for the next pair of tokens. A token that was used before ends the whole session, since one of the two users of it stole it.';

reset role;
--! EndIncluded identity/refresh_session.sql
--! Included identity/log_out.sql
set local role app_definer;

create or replace function app_public.log_out() returns boolean as $$
begin
  update app_private.auth_sessions s
  set revoked_at = now(), revoked_reason = 'logged out'
  where s.id = app_hidden.current_session_id()
  and s.user_id = app_hidden.current_user_id()
  and s.revoked_at is null;
  return found;
end;
$$ language plpgsql volatile security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_public.log_out() to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.log_out() is
  'Ends the session of the token that comes with the request; the next request with it is refused. False if the token belongs to no session of ours.';

reset role;
--! EndIncluded identity/log_out.sql
