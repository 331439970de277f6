--! Previous: sha1:132dcb56c2c80905e263be63cd2582e5fe82a64b
--! Hash: sha1:b262d3b49dc1935acf0ee931c949d008b8e008fb
--! Message: sign-in

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 201-sign-in.sql
--! Included identity/end_identity.sql
set local role app_definer;

-- The issuer has deleted a subject: its tokens count no more, and an account that nobody can sign in to any other way is
-- closed. Kept even where the subject was never seen, so that older news of it change nothing. The user's id, if any.
create or replace function app_hidden.end_identity(issuer text, subject text) returns uuid as $$
declare
  v_user_id uuid;
begin
  perform pg_advisory_xact_lock(hashtextextended(format('identity %s %s', end_identity.issuer, end_identity.subject), 0));
  update app_private.user_identities i
  set ended_at = coalesce(i.ended_at, now())
  where i.issuer = end_identity.issuer
  and i.subject = end_identity.subject
  returning i.user_id into v_user_id;
  if v_user_id is null then
    insert into app_private.ended_identities (issuer, subject)
    values (end_identity.issuer, end_identity.subject)
    on conflict do nothing;
    return null;
  end if;

  update app_public.users u
  set deleted_at = now()
  where u.id = v_user_id
  and u.deleted_at is null
  and not exists (
    select from app_private.user_identities i where i.user_id = v_user_id and i.ended_at is null
  )
  and not exists (select from app_private.password_hashes h where h.user_id = v_user_id);
  return v_user_id;
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_hidden.end_identity(text, text) to app_worker;

reset role;
--! EndIncluded identity/end_identity.sql
--! Included identity/begin_log_in.sql
set local role app_definer;

-- The first half of proving a password. The gateway hashes it, outside the database and holding no connection; this says
-- with which parameters (the hash without its last part, null for "any": a hash of bcrypt, an unknown address), whether a
-- hash of bcrypt may still be there, which only the database can compare, and how many seconds to wait after too many
-- attempts. Counts the attempt by itself: the transaction that compares is rolled back by every failure.
create or replace function app_hidden.begin_log_in(
  email text,
  out parameters text,
  out needs_password boolean,
  out retry_after integer
) as $$
declare
  v_email text := lower(trim(begin_log_in.email));
begin
  retry_after := greatest(
    app_private.count_attempt('account ' || v_email, 10),
    app_private.count_attempt('address ' || app_hidden.client_address(), 50)
  );
  -- Whether any is left, and not whether this account's is one.
  needs_password := exists (select from app_private.password_hashes h where left(h.password_hash, 2) = '$2');
  if retry_after is null then
    select substring(h.password_hash from '^(\$argon2id\$.*)\$[^$]+$')
    into parameters
    from app_public.users u
    join app_private.password_hashes h on h.user_id = u.id
    where u.email = v_email
    and u.deleted_at is null;
  end if;
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- An account costs a place in the same window: registering tells whether an address is taken.
create or replace function app_hidden.begin_registration() returns integer as $$
  select app_private.count_attempt('address ' || app_hidden.client_address(), 50);
$$ language sql volatile security definer set search_path to '';

-- Whether a password is the one of a person, who may be null. bcrypt is compared here and, once it is right, replaced by
-- the hash at hand; while any is left, the comparison is made for everybody, so that time does not tell who is who.
create or replace function app_private.has_password(user_id uuid, password_hash text, password text) returns boolean as $$
declare
  v_hash text := (
    select h.password_hash from app_private.password_hashes h where h.user_id = has_password.user_id
  );
  v_is_bcrypt boolean := coalesce(left(v_hash, 2) = '$2', false);
  v_bcrypt text := case
    when v_is_bcrypt then v_hash
    else '$2a$10$JDa5PJNuUSBGJ0Yp6lCO6OEIUtMh31u4HY.wRYlW02GX0SNOXNq0W'
  end;
  v_is_right boolean := v_hash = has_password.password_hash;
begin
  if has_password.password is not null then
    v_is_right := case
      -- bcrypt stops looking after 72 bytes: a longer password is wrong, whatever it begins with.
      when v_is_bcrypt then octet_length(has_password.password) <= 72
        and extensions.crypt(has_password.password, v_bcrypt) = v_hash
      else v_is_right and extensions.crypt(left(has_password.password, 72), v_bcrypt) is not null
    end;
  end if;
  if v_is_bcrypt and v_is_right then
    update app_private.password_hashes h
    set password_hash = has_password.password_hash
    where h.user_id = has_password.user_id;
  end if;
  return coalesce(v_is_right, false);
end;
$$ language plpgsql volatile security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_hidden.begin_log_in(text), app_hidden.begin_registration() to app_anonymous, app_user;

reset role;
--! EndIncluded identity/begin_log_in.sql
--! Included identity/log_in.sql
-- Until passwords were hashed by the gateway.
drop function if exists app_public.log_in(text, text);

set local role app_definer;

-- One answer for an unknown address and a wrong password, after the same work. Called by the gateway with the hash that it
-- made of the password (see begin_log_in), so that no stored hash leaves the database; not offered by itself, since
-- whoever had stolen a hash could sign in with it.
create or replace function app_public.log_in(
  email text,
  password_hash text,
  password text = null,
  device_name text = null
) returns app_public.session_grant as $$
declare
  v_email text := lower(trim(log_in.email));
  v_user_id uuid := (select u.id from app_public.users u where u.email = v_email and u.deleted_at is null);
begin
  if not app_private.has_password(v_user_id, log_in.password_hash, log_in.password) then
    raise exception 'E-mail address or password is wrong.' using errcode = 'LOGIN';
  end if;
  perform app_private.forgive_attempts('account ' || v_email, true);
  perform app_private.forgive_attempts('address ' || app_hidden.client_address(), false);
  return app_private.start_session(v_user_id, left(log_in.device_name, 100));
end;
$$ language plpgsql volatile security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_public.log_in(text, text, text, text) to app_anonymous, app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.log_in(text, text, text, text) is E'@behavior -queryField -mutationField
Opens a session for whoever knows the password of an account; `logIn` of the API calls it.';

reset role;
--! EndIncluded identity/log_in.sql
--! Included identity/register.sql
-- Until passwords were hashed by the gateway.
drop function if exists app_public.register(text, text, text);

set local role app_definer;

-- Called by the gateway, which has seen the password and made the hash of it.
create or replace function app_public.register(
  email text,
  password_hash text,
  display_name text = '',
  device_name text = null
) returns app_public.session_grant as $$
declare
  v_email text := lower(trim(register.email));
  v_user_id uuid;
begin
  if v_email !~ '^[^@\s]+@[^@\s]+$' or length(v_email) > 254 then
    raise exception 'The e-mail address is not valid.' using errcode = 'BADIN';
  end if;
  if register.password_hash !~ '^\$argon2id\$v=19\$m=\d+,t=\d+,p=\d+\$[^$]+\$[^$]+$' then
    raise exception 'A password is kept as a hash of Argon2id.' using errcode = 'BADIN';
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
  values (v_user_id, register.password_hash);
  update app_public.profiles p
  set display_name = coalesce(register.display_name, '')
  where p.user_id = v_user_id;

  return app_private.start_session(v_user_id, left(register.device_name, 100));
end;
$$ language plpgsql volatile security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_public.register(text, text, text, text) to app_anonymous, app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.register(text, text, text, text) is E'@behavior -queryField -mutationField
Makes an account and signs it in; `register` of the API calls it.';

reset role;
--! EndIncluded identity/register.sql
--! Included identity/change_password.sql
set local role app_definer;

-- Ends a person's sessions but one; how many there were.
create or replace function app_private.end_sessions(user_id uuid, kept_session_id uuid, reason text) returns integer as $$
declare
  v_count integer;
begin
  update app_private.auth_sessions s
  set revoked_at = now(), revoked_reason = end_sessions.reason
  where s.user_id = end_sessions.user_id
  and s.id is distinct from end_sessions.kept_session_id
  and s.revoked_at is null
  and s.expires_at > now();
  get diagnostics v_count = row_count;
  return v_count;
end;
$$ language plpgsql volatile security definer set search_path to '';

-- Whoever changes a password may do so because somebody else knows it: every other session ends. Called by the gateway,
-- which has made the hashes; how many sessions have ended.
create or replace function app_public.change_password(
  current_password_hash text,
  new_password_hash text,
  current_password text = null
) returns integer as $$
declare
  v_user_id uuid := app_hidden.current_user_id();
begin
  if v_user_id is null then
    raise exception 'Sign in first.' using errcode = 'UNAUT';
  end if;
  if not app_private.has_password(
    v_user_id, change_password.current_password_hash, change_password.current_password
  ) then
    raise exception 'The current password is wrong.' using errcode = 'LOGIN';
  end if;
  perform app_private.forgive_attempts(
    'account ' || (select u.email from app_public.users u where u.id = v_user_id), true
  );
  update app_private.password_hashes h
  set password_hash = change_password.new_password_hash, changed_at = now()
  where h.user_id = v_user_id;
  return app_private.end_sessions(v_user_id, app_hidden.current_session_id(), 'password changed');
end;
$$ language plpgsql volatile security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_public.change_password(text, text, text) to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.change_password(text, text, text) is E'@behavior -queryField -mutationField
Replaces the password of whoever knows it and ends their other sessions; `changePassword` of the API calls it.';

reset role;
--! EndIncluded identity/change_password.sql
--! Included identity/viewer_sessions.sql
set local role app_definer;

-- Sessions lie where no request can look, so these functions look for the person, at their own and nobody else's.
create or replace function app_public.users_sessions("user" app_public.users)
returns setof app_public.signed_in_session as $$
  select
    s.id,
    s.device_name,
    s.created_at,
    s.last_seen_at,
    s.expires_at,
    s.id is not distinct from app_hidden.current_session_id(),
    (select count(*) from app_private.session_clients c where c.session_id = s.id)::integer
  from app_private.auth_sessions s
  where s.user_id = ("user").id
  and s.user_id = (select app_hidden.current_user_id())
  and s.revoked_at is null
  and s.expires_at > now()
  order by s.last_seen_at desc, s.id
  limit 200;
$$ language sql stable security definer set search_path to '';

-- One answer for a session that is gone, and one of somebody else.
create or replace function app_public.revoke_session(session_id uuid) returns boolean as $$
begin
  update app_private.auth_sessions s
  set revoked_at = now(), revoked_reason = 'revoked by its owner'
  where s.id = revoke_session.session_id
  and s.user_id = app_hidden.current_user_id()
  and s.revoked_at is null
  and s.expires_at > now();
  if not found then
    raise exception 'There is no such session.' using errcode = 'NTFND';
  end if;
  return true;
end;
$$ language plpgsql volatile strict security definer set search_path to '';

create or replace function app_public.revoke_other_sessions() returns integer as $$
  select app_private.end_sessions(
    app_hidden.current_user_id(), app_hidden.current_session_id(), 'revoked by its owner'
  );
$$ language sql volatile security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_public.users_sessions(app_public.users),
  app_public.revoke_session(uuid),
  app_public.revoke_other_sessions()
to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.users_sessions(app_public.users) is
  'Where you are signed in, latest used first; only of yourself, at most 200.';
comment on function app_public.revoke_session(uuid) is '@argument session_id The session, as `sessions` names it.
Ends one of your sessions, this one or another: its tokens are refused from the next statement on, and its websockets close.';
comment on function app_public.revoke_other_sessions() is
  'Ends all of your sessions but the one of the request; how many there were.';

reset role;

comment on type app_public.signed_in_session is 'A place where somebody is signed in.';
comment on column app_public.signed_in_session.session_id is 'Its uuid, for `revokeSession`.';
comment on column app_public.signed_in_session.device_name is 'What the client called itself at sign-in.';
comment on column app_public.signed_in_session.started_at is 'When the person signed in.';
comment on column app_public.signed_in_session.last_seen_at is 'When it was last continued by a refresh.';
comment on column app_public.signed_in_session.expires_at is 'When it ends, however often it is refreshed.';
comment on column app_public.signed_in_session.is_current is 'Whether the request itself belongs to it.';
comment on column app_public.signed_in_session.client_count is
  'From how many clients (network address and program) it was used. More than one may mean a change of network, or a stolen token.';
--! EndIncluded identity/viewer_sessions.sql
--! Included identity/note_session_client.sql
set local role app_definer;

-- A token is used from a client that the gateway has not seen it with. The first is how the session began; every later one
-- is a line of the audit that says so. At most a hundred, for those who are always on the move.
create or replace function app_hidden.note_session_client(client_hash text) returns void as $$
  insert into app_private.session_clients (session_id, client_hash)
  select s.id, note_session_client.client_hash
  from app_private.auth_sessions s
  where s.id = app_hidden.current_session_id()
  and s.user_id = auth.uid()
  and s.revoked_at is null
  and s.expires_at > now()
  and (select count(*) from app_private.session_clients c where c.session_id = s.id) < 100
  on conflict do nothing;
$$ language sql volatile strict security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_hidden.note_session_client(text) to app_user;

reset role;
--! EndIncluded identity/note_session_client.sql
--! Included identity/announce_access.sql
set local role app_definer;

-- Tells the gateways whose rights have become less, so that they close websockets that stand on them. Ids only. Statements
-- need no telling: each looks for itself. Argument: the column with the id, which is a session's or a user's.
create or replace function app_private.tg__announce_access() returns trigger as $$
begin
  perform pg_notify('access_changed', json_build_object(
    case TG_ARGV[1] when 'session' then 'sessionId' else 'userId' end, to_jsonb(OLD) -> TG_ARGV[0],
    'ended', TG_ARGV[1] <> 'membership'
  )::text);
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_private.tg__announce_access() to app_owner;

reset role;

create or replace trigger _900_announce_access_update
  after update of revoked_at, expires_at on app_private.auth_sessions
  for each row
  when (OLD.revoked_at is null and (NEW.revoked_at is not null or NEW.expires_at < OLD.expires_at))
  execute function app_private.tg__announce_access('id', 'session');
create or replace trigger _900_announce_access_delete
  after delete on app_private.auth_sessions
  for each row
  execute function app_private.tg__announce_access('id', 'session');

create or replace trigger _900_announce_access_update
  after update of deleted_at, is_superadmin on app_public.users
  for each row
  when (
    OLD.deleted_at is null and NEW.deleted_at is not null
    or OLD.is_superadmin and not NEW.is_superadmin
  )
  execute function app_private.tg__announce_access('id', 'user');
create or replace trigger _900_announce_access_delete
  after delete on app_public.users
  for each row
  execute function app_private.tg__announce_access('id', 'user');

create or replace trigger _900_announce_access_update
  after update of user_id, ended_at on app_private.user_identities
  for each row
  when (OLD.user_id is distinct from NEW.user_id or OLD.ended_at is null and NEW.ended_at is not null)
  execute function app_private.tg__announce_access('user_id', 'user');
create or replace trigger _900_announce_access_delete
  after delete on app_private.user_identities
  for each row
  execute function app_private.tg__announce_access('user_id', 'user');

create or replace trigger _900_announce_access_update
  after update of role, active on app_public.organization_memberships
  for each row
  when (OLD.active and (not NEW.active or NEW.role <> OLD.role))
  execute function app_private.tg__announce_access('user_id', 'membership');
create or replace trigger _900_announce_access_delete
  after delete on app_public.organization_memberships
  for each row
  execute function app_private.tg__announce_access('user_id', 'membership');

create or replace trigger _900_announce_access_update
  after update of role, active on app_public.clinic_memberships
  for each row
  when (OLD.active and (not NEW.active or NEW.role <> OLD.role))
  execute function app_private.tg__announce_access('user_id', 'membership');
create or replace trigger _900_announce_access_delete
  after delete on app_public.clinic_memberships
  for each row
  execute function app_private.tg__announce_access('user_id', 'membership');
--! EndIncluded identity/announce_access.sql
