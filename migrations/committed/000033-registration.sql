--! Previous: sha1:0e94583085b3be76be91cc2bb5e27cd2b25e7900
--! Hash: sha1:6b99e7509943ac0e39cc1200650c92a3d7d93e30
--! Message: registration

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 20-registration.sql
-- Registering tells nobody who has an account.

--! Included identity/registrations_table.sql
-- Accounts that somebody has asked for. Whether the address has one already is for its owner to read, in the mail; the code of
-- that mail is kept as a hash. Until it comes back there is no account, and no password that could open one.
create table if not exists app_private.registrations (
  id uuid primary key default app_hidden.uuid_v7(),
  email text not null,
  password_hash text not null,
  display_name text not null default '',
  code_hash bytea unique,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null default now() + interval '1 day',
  constraint registrations_code_hash_is_sha256 check (octet_length(code_hash) = 32)
);
create index if not exists registrations_email_idx on app_private.registrations (email);
create index if not exists registrations_expires_at_idx on app_private.registrations (expires_at);
--! EndIncluded identity/registrations_table.sql
--! Included identity/registrations.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_private.registrations');
create policy all_definer on app_private.registrations to app_definer using (true) with check (true);
grant
  select,
  insert (email, password_hash, display_name),
  update (code_hash),
  delete
on app_private.registrations to app_definer;

-- Documentation ---------------------------------------------------------------

comment on table app_private.registrations is
  'Accounts asked for and not yet confirmed by mail: kept for a day, whether or not the address has an account already.';
--! EndIncluded identity/registrations.sql
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

grant execute on function app_hidden.begin_log_in(text) to app_anonymous, app_user;

reset role;
--! EndIncluded identity/begin_log_in.sql
--! Included identity/register.sql
-- Until passwords were hashed by the gateway, and until an address had to be proven first.
drop function if exists app_public.register(text, text, text);
drop function if exists app_public.register(text, text, text, text);
drop function if exists app_hidden.begin_registration();

set local role app_definer;

-- Asking for an account costs a place in the window of the client's address, and of the e-mail address, so that nobody's
-- inbox is filled by it; the same for one that has an account and one that has none. Seconds to wait, or null.
create or replace function app_hidden.begin_registration(email text) returns integer as $$
  select greatest(
    app_private.count_attempt('address ' || app_hidden.client_address(), 50),
    app_private.count_attempt('registration ' || lower(trim(begin_registration.email)), 5)
  );
$$ language sql volatile security definer set search_path to '';

-- Called by the gateway, which has seen the password and made the hash of it. Nobody's account is looked for here: what is
-- done, how long it takes and what is answered cannot tell who has one.
create or replace function app_public.register(
  email text,
  password_hash text,
  display_name text = ''
) returns boolean as $$
declare
  v_email text := lower(trim(register.email));
  v_id uuid;
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

  delete from app_private.registrations r
  where r.id in (
    select e.id
    from app_private.registrations e
    where e.expires_at <= now()
    order by e.expires_at
    limit 10
    for update skip locked
  );
  insert into app_private.registrations as r (email, password_hash, display_name)
  values (v_email, register.password_hash, coalesce(register.display_name, ''))
  returning r.id into v_id;
  perform app_private.add_job(
    'mail__send',
    jsonb_build_object('template', 'registration', 'subjectId', v_id)
  );
  return true;
end;
$$ language plpgsql volatile security definer set search_path to '';

-- To whom the mail about a registration goes; the code is kept as a hash, and is none where the address has an account: its
-- owner is told that somebody tried. No row once the registration is over, or for the address of a closed account.
create or replace function app_private.address_registration(id uuid, code text)
returns table (address text, code text) as $$
  with known as (
    select r.id, r.email, u.id as user_id, u.deleted_at
    from app_private.registrations r
    left join app_public.users u on u.email = r.email
    where r.id = address_registration.id
    and r.expires_at > now()
  ), kept as (
    update app_private.registrations r
    set code_hash = sha256(convert_to(address_registration.code, 'UTF8'))
    from known k
    where r.id = k.id
    and k.user_id is null
    returning r.id
  )
  select k.email, case when exists (select from kept) then address_registration.code end
  from known k
  where k.deleted_at is null;
$$ language sql volatile security definer set search_path to '';

-- The account comes with the proof that the address is its owner's. Definer, because nobody is signed in yet. One answer for a
-- code that is unknown, used, expired or late: somebody else may have taken the address meanwhile.
create or replace function app_public.confirm_registration(
  code text,
  device_name text = null
) returns app_public.session_grant as $$
declare
  v_registration app_private.registrations;
  v_user_id uuid;
begin
  select r.* into v_registration
  from app_private.registrations r
  where r.code_hash = sha256(convert_to(confirm_registration.code, 'UTF8'))
  and r.expires_at > now()
  for update;
  insert into app_public.users (email, email_verified_at)
  select v_registration.email, now()
  where v_registration.id is not null
  on conflict do nothing
  returning id into v_user_id;
  if v_user_id is null then
    raise exception 'This link does not work (any more). Ask for a new one.' using errcode = 'NTFND';
  end if;

  insert into app_private.password_hashes (user_id, password_hash)
  values (v_user_id, v_registration.password_hash);
  update app_public.profiles p
  set display_name = v_registration.display_name
  where p.user_id = v_user_id;
  delete from app_private.registrations r where r.email = v_registration.email;

  return app_private.start_session(v_user_id, left(confirm_registration.device_name, 100));
end;
$$ language plpgsql volatile security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute
on function
  app_hidden.begin_registration(text),
  app_public.register(text, text, text),
  app_public.confirm_registration(text, text)
to app_anonymous, app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.register(text, text, text) is E'@behavior -queryField -mutationField
Asks for an account; `register` of the API calls it.';
comment on function app_public.confirm_registration(text, text) is '@argument code What the mail’s link ends with.
@argument deviceName What the person calls the device, to find the session by; at most 100 characters.
Makes the account that was asked for with `register` and signs it in, by the code that was mailed to its address.';

reset role;
--! EndIncluded identity/register.sql
