--! Previous: sha1:521a7e7385c6426c52fa6b1de51be80d8ba48edc
--! Hash: sha1:132dcb56c2c80905e263be63cd2582e5fe82a64b
--! Message: identities

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 200-identities.sql
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

--! Included identity/user_identities_facts.sql
-- What the issuer said last, and as of when: tokens and webhooks arrive in any order, and older ones change nothing.
alter table app_private.user_identities add column if not exists display_name text;
alter table app_private.user_identities add column if not exists facts_at timestamptz;
-- The issuer has deleted them. The row stays, so that what was sent before and arrives later does not bring them back.
alter table app_private.user_identities add column if not exists ended_at timestamptz;
--! EndIncluded identity/user_identities_facts.sql
--! Included identity/private_tables.sql
-- Access ----------------------------------------------------------------------

-- No request role has a grant on app_private, not even USAGE. The policies below are always true because the functions
-- of `app_definer` look rows up before they know whose they are (by e-mail, by token hash); each returns the caller's own.

select app_private.reset_access('app_private.user_identities');
create policy all_definer on app_private.user_identities to app_definer using (true) with check (true);
grant
  select,
  insert (issuer, subject, user_id, display_name, facts_at),
  update (display_name, facts_at, ended_at)
on app_private.user_identities to app_definer;
-- No update grant on user_id: an identity never becomes somebody else's.

select app_private.reset_access('app_private.ended_identities');
create policy all_definer on app_private.ended_identities to app_definer using (true) with check (true);
grant select (issuer, subject), insert (issuer, subject) on app_private.ended_identities to app_definer;

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
comment on table app_private.ended_identities is
  'Subjects whose deletion was the first thing heard of them. They stay nobody, whatever is heard later.';
comment on table app_private.password_hashes is
  'Argon2id hashes of local passwords; bcrypt from before stands until its person signs in again.';
comment on table app_private.auth_sessions is
  'One row per sign-in. A token names its session, and every statement checks that the session still stands.';
comment on table app_private.refresh_tokens is
  'SHA-256 of each refresh token handed out. A token works once; a second use revokes its session.';
--! EndIncluded identity/private_tables.sql
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

-- An identity provider's news of a person: address, verification, end. What the operator's own people are, no token changes.
create policy update_definer on app_public.users
  for update to app_definer
  using (not is_superadmin)
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
grant
  select,
  insert (email, email_verified_at, clerk_id),
  update (email, email_verified_at, clerk_id, deleted_at)
on app_public.users to app_definer;
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
--! Included identity/session_clients.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_private.session_clients');
create policy all_definer on app_private.session_clients to app_definer using (true) with check (true);
grant select (session_id, client_hash, first_seen_at), insert (session_id, client_hash)
on app_private.session_clients to app_definer;
-- No update or delete grant: from where a session was used stays on record until the session goes.

-- Triggers --------------------------------------------------------------------

-- The second entry of a session is what an investigation of a stolen token starts from.
select app_private.audit_changes('app_private.session_clients', 'session_id', '');

-- Documentation ---------------------------------------------------------------

comment on table app_private.session_clients is
  'From which clients a session was used: a keyed hash of address and program, never the address itself.';
--! EndIncluded identity/session_clients.sql
--! Included identity/sign_in_attempts.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_private.sign_in_attempts');
create policy all_definer on app_private.sign_in_attempts to app_definer using (true) with check (true);
-- A row is locked to be counted up or skipped, so the key is readable; what it was made of is not in it.
grant
  select (key_hash, attempts, ends_at),
  insert (key_hash, attempts, ends_at),
  update (attempts, ends_at),
  delete
on app_private.sign_in_attempts to app_definer;

-- Functions -------------------------------------------------------------------

set local role app_definer;

-- Counts an attempt at a secret: the seconds to wait where there were more than `maximum` in a quarter of an hour, else
-- null. In the database, so that every gateway process counts the same; each call also clears a few windows that ended.
create or replace function app_private.count_attempt(key text, maximum integer) returns integer as $$
declare
  v_row app_private.sign_in_attempts;
begin
  delete from app_private.sign_in_attempts a
  where a.key_hash in (
    select e.key_hash
    from app_private.sign_in_attempts e
    where e.ends_at <= now()
    order by e.ends_at
    limit 10
    for update skip locked
  );
  insert into app_private.sign_in_attempts as a (key_hash, attempts, ends_at)
  values (sha256(convert_to(count_attempt.key, 'UTF8')), 1, now() + interval '15 minutes')
  on conflict (key_hash) do update
  set
    attempts = case when a.ends_at <= now() then 1 else a.attempts + 1 end,
    ends_at = case when a.ends_at <= now() then excluded.ends_at else a.ends_at end
  returning * into v_row;
  return case
    when v_row.attempts > count_attempt.maximum then ceil(extract(epoch from v_row.ends_at - now()))::integer
  end;
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- A success does not count: gives one attempt back, or all of them.
create or replace function app_private.forgive_attempts(key text, every_one boolean) returns void as $$
  update app_private.sign_in_attempts a
  set attempts = case when forgive_attempts.every_one then 0 else greatest(a.attempts - 1, 0) end
  where a.key_hash = sha256(convert_to(forgive_attempts.key, 'UTF8'));
$$ language sql volatile strict security definer set search_path to '';

reset role;

-- Documentation ---------------------------------------------------------------

comment on table app_private.sign_in_attempts is
  'How often an account or a client’s address was tried in the last quarter of an hour; both only as SHA-256.';
--! EndIncluded identity/sign_in_attempts.sql
--! Included foundation/request_context.sql
-- One reader for each fact that a request carries (src/auth/pgSettings.ts writes them). A setting that was never set is
-- NULL on a fresh connection and '' on a used one, hence nullif everywhere.

create or replace function auth.uid() returns uuid as $$
  select nullif(current_setting('jwt.claims.sub', true), '')::uuid;
$$ language sql stable parallel safe set search_path to '';

create or replace function auth.role() returns text as $$
  select case when auth.uid() is null then 'anon' else 'authenticated' end;
$$ language sql stable parallel safe set search_path to '';

create or replace function auth.jwt() returns jsonb as $$
  select jsonb_strip_nulls(jsonb_build_object(
    'sub', nullif(current_setting('jwt.claims.sub', true), ''),
    'sid', nullif(current_setting('jwt.claims.sid', true), ''),
    'role', auth.role()
  ));
$$ language sql stable parallel safe set search_path to '';

create or replace function app_hidden.current_session_id() returns uuid as $$
  select nullif(current_setting('jwt.claims.sid', true), '')::uuid;
$$ language sql stable parallel safe set search_path to '';

create or replace function app_hidden.current_organization_id() returns uuid as $$
  select nullif(current_setting('app.organization_id', true), '')::uuid;
$$ language sql stable parallel safe set search_path to '';

create or replace function app_hidden.current_clinic_id() returns uuid as $$
  select nullif(current_setting('app.clinic_id', true), '')::uuid;
$$ language sql stable parallel safe set search_path to '';

create or replace function app_hidden.request_id() returns text as $$
  select nullif(current_setting('app.request_id', true), '');
$$ language sql stable parallel safe set search_path to '';

create or replace function app_hidden.purpose_of_use() returns text as $$
  select nullif(current_setting('app.purpose_of_use', true), '');
$$ language sql stable parallel safe set search_path to '';

-- A keyed hash of the address a request comes from, which is all that SQL learns of it.
create or replace function app_hidden.client_address() returns text as $$
  select nullif(current_setting('app.client_address', true), '');
$$ language sql stable parallel safe set search_path to '';

-- The organizations an import or backfill has declared (comma-separated); `app_data` reaches no other.
create or replace function app_hidden.data_scope() returns uuid[] as $$
  select string_to_array(nullif(current_setting('app.data_scope', true), ''), ',')::uuid[];
$$ language sql stable parallel safe set search_path to '';

-- The organization whose seats are being counted (billing/take_seat.sql); `app_definer` sees its memberships meanwhile.
create or replace function app_hidden.seat_scope() returns uuid as $$
  select nullif(current_setting('app.seat_scope', true), '')::uuid;
$$ language sql stable parallel safe set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  auth.uid(),
  auth.role(),
  auth.jwt(),
  app_hidden.current_session_id(),
  app_hidden.current_organization_id(),
  app_hidden.current_clinic_id(),
  app_hidden.request_id(),
  app_hidden.purpose_of_use(),
  app_hidden.client_address()
to app_anonymous, app_user, app_worker, app_data, app_definer;
grant execute on function app_hidden.data_scope() to app_data, app_definer;
grant execute on function app_hidden.seat_scope() to app_definer;
--! EndIncluded foundation/request_context.sql
--! Included identity/current_user_id.sql
set local role app_definer;

-- The person behind the request, after a look at whether the session (or, with a token of another issuer, the identity)
-- and the person still stand. Everything that decides about access starts here, so a revoked session is refused by the
-- next statement, whatever the token says or the gateway remembers, and loudly: an empty answer would look like "nothing
-- there".
create or replace function app_hidden.current_user_id() returns uuid as $$
declare
  v_user_id uuid := auth.uid();
  v_session_id uuid := app_hidden.current_session_id();
  v_issuer text := nullif(current_setting('app.identity_issuer', true), '');
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
  ) or (
    v_issuer is not null
    and not exists (
      select from app_private.user_identities i
      where i.issuer = v_issuer
      and i.subject = current_setting('app.identity_subject', true)
      and i.user_id = v_user_id
      and i.ended_at is null
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
--! Included identity/apply_identity.sql
set local role app_definer;

-- Who a subject of another issuer is here, where the issuer may say so: a person imported with their id at Clerk, or one
-- with the same address. Both sides must have proven the address, else whoever registered it first would be let in by
-- its rightful owner; and nobody becomes a superadmin this way.
create or replace function app_private.find_user_of_identity(facts jsonb, email text) returns uuid as $$
  select u.id
  from app_public.users u
  where (facts ->> 'kind' = 'clerk' and u.clerk_id = facts ->> 'subject')
  or (
    (facts ->> 'linksVerifiedEmails')::boolean
    and (facts ->> 'emailVerified')::boolean
    and u.email = find_user_of_identity.email
    and u.email_verified_at is not null
    and u.deleted_at is null
    and not u.is_superadmin
  )
  order by u.clerk_id = facts ->> 'subject' desc nulls last
  limit 1;
$$ language sql stable security definer set search_path to '';

-- Brings an account up to what its issuer says. An address that is somebody else's stays theirs, and one that was not
-- proven replaces none that was. A name is taken over until its person has chosen another one here.
create or replace function app_private.follow_identity(user_id uuid, facts jsonb, email text, former_name text)
returns void as $$
declare
  v_is_verified boolean := coalesce((facts ->> 'emailVerified')::boolean, false);
  v_name text := left(trim(facts ->> 'name'), 200);
begin
  update app_public.users u
  set
    email = follow_identity.email,
    email_verified_at = case
      when v_is_verified and u.email = follow_identity.email then coalesce(u.email_verified_at, now())
      when v_is_verified then now()
    end
  where u.id = follow_identity.user_id
  and u.deleted_at is null
  and follow_identity.email is not null
  and (u.email is distinct from follow_identity.email or v_is_verified <> (u.email_verified_at is not null))
  and (v_is_verified or u.email_verified_at is null)
  and not exists (
    select from app_public.users o where o.email = follow_identity.email and o.id <> follow_identity.user_id
  );
  update app_public.profiles p
  set display_name = v_name
  where p.user_id = follow_identity.user_id
  and p.display_name in ('', follow_identity.former_name)
  and p.display_name <> v_name;
end;
$$ language plpgsql volatile security definer set search_path to '';

-- The user that a verified subject of an outside issuer is, made at first sight where the issuer is trusted to, and kept
-- in step with what the issuer says. Null where nobody is known by that name. `facts`: issuer, subject, kind, at (seconds
-- since 1970), email, emailVerified, name, createsUsers, linksVerifiedEmails; the gateway's or a signed webhook's.
create or replace function app_private.apply_identity(facts jsonb) returns uuid as $$
declare
  v_email text := lower(trim(facts ->> 'email'));
  v_at timestamptz := to_timestamp((facts ->> 'at')::double precision);
  v_identity app_private.user_identities;
  v_user_id uuid;
begin
  if v_email !~ '^[^@\s]+@[^@\s]+$' or length(v_email) > 254 then
    v_email := null;
  end if;
  -- Two first requests at once make one user.
  perform pg_advisory_xact_lock(hashtextextended(format('identity %s %s', facts ->> 'issuer', facts ->> 'subject'), 0));
  select i.* into v_identity
  from app_private.user_identities i
  where i.issuer = facts ->> 'issuer' and i.subject = facts ->> 'subject';

  if v_identity.issuer is null then
    if exists (
      select from app_private.ended_identities e
      where e.issuer = facts ->> 'issuer' and e.subject = facts ->> 'subject'
    ) then
      return null;
    end if;
    v_user_id := app_private.find_user_of_identity(facts, v_email);
    if v_user_id is null and not coalesce((facts ->> 'createsUsers')::boolean, false) then
      return null;
    end if;
    if v_user_id is null then
      insert into app_public.users (clerk_id)
      values (case facts ->> 'kind' when 'clerk' then facts ->> 'subject' end)
      returning id into v_user_id;
    end if;
    insert into app_private.user_identities (issuer, subject, user_id, display_name, facts_at)
    values (facts ->> 'issuer', facts ->> 'subject', v_user_id, facts ->> 'name', v_at)
    returning * into v_identity;
  elsif v_identity.ended_at is not null or v_at < v_identity.facts_at then
    return v_identity.user_id;
  else
    update app_private.user_identities i
    set display_name = coalesce(facts ->> 'name', i.display_name), facts_at = v_at
    where i.issuer = v_identity.issuer and i.subject = v_identity.subject;
  end if;
  perform app_private.follow_identity(v_identity.user_id, facts, v_email, coalesce(v_identity.display_name, ''));
  return v_identity.user_id;
end;
$$ language plpgsql volatile strict security definer set search_path to '';

reset role;
--! EndIncluded identity/apply_identity.sql
--! Included identity/resolve_identity.sql
set local role app_definer;

-- Whom the gateway has verified: it says so in a setting that no header or claim reaches, as for the signatures of device
-- keys. Called once for a token's facts and remembered; `current_user_id()` asks in each statement whether it still holds.
create or replace function app_hidden.resolve_identity() returns uuid as $$
  select app_private.apply_identity(nullif(current_setting('app.verified_identity', true), '')::jsonb);
$$ language sql volatile security definer set search_path to '';

-- The same for what a signed webhook of the issuer says.
create or replace function app_hidden.apply_identity_event(facts jsonb) returns uuid as $$
  select app_private.apply_identity(facts);
$$ language sql volatile strict security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_hidden.resolve_identity() to app_anonymous;
grant execute on function app_hidden.apply_identity_event(jsonb) to app_worker;

reset role;
--! EndIncluded identity/resolve_identity.sql
