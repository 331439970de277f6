--! Previous: sha1:c41eab8205a15af0b8781ca077867cc656caef0a
--! Hash: sha1:15e2019e10868c2820d9cb9f60a461ff15d3a51f
--! Message: second-look

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 90-second-look.sql
-- Whoever confirms a registration knows its password; what ended is not kept.

--! Included identity/register.sql
-- Until passwords were hashed by the gateway, and until an address had to be proven first.
drop function if exists app_public.register(text, text, text);
drop function if exists app_public.register(text, text, text, text);
drop function if exists app_hidden.begin_registration();
-- Until the password had to come back with the code.
drop function if exists app_public.confirm_registration(text, text);

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

-- With which parameters the gateway is to hash the password that comes with a code; null for a code that is none.
create or replace function app_hidden.begin_confirmation(code text) returns text as $$
  select substring(r.password_hash from '^(\$argon2id\$.*)\$[^$]+$')
  from app_private.registrations r
  where r.code_hash = sha256(convert_to(begin_confirmation.code, 'UTF8'))
  and r.expires_at > now();
$$ language sql stable security definer set search_path to '';

-- The account comes with the proof that the address is its owner's, and that its owner is who has asked for it: anybody can ask
-- for an account with somebody else's address and a password of their own. Definer, because nobody is signed in yet. One answer
-- for a code that is unknown, used, expired or late (somebody else may have taken the address meanwhile) and a wrong password.
create or replace function app_public.confirm_registration(
  code text,
  password_hash text,
  device_name text = null
) returns app_public.session_grant as $$
declare
  v_registration app_private.registrations;
  v_user_id uuid;
begin
  select r.* into v_registration
  from app_private.registrations r
  where r.code_hash = sha256(convert_to(confirm_registration.code, 'UTF8'))
  and r.password_hash = confirm_registration.password_hash
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
  app_hidden.begin_confirmation(text),
  app_public.register(text, text, text),
  app_public.confirm_registration(text, text, text)
to app_anonymous, app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.register(text, text, text) is E'@behavior -queryField -mutationField
Asks for an account; `register` of the API calls it.';
comment on function app_public.confirm_registration(text, text, text) is E'@behavior -queryField -mutationField
Makes the account that was asked for; `confirmRegistration` of the API calls it.';

reset role;
--! EndIncluded identity/register.sql
--! Included jobs/clean_up.sql
set local role app_definer;

-- Deletes what nobody can use any more, at most a batch of one kind; how many rows. Definer, because it goes by age alone, whose ever
-- it is. What is evidence stays: the audit, and the dead letters that nobody has settled.
create or replace function app_hidden.clean_up(kind text) returns int as $$
declare
  c_batch constant int := 10000;
  v_before constant timestamptz := now() - interval '90 days';
  v_count int;
begin
  case clean_up.kind
    -- With their refresh tokens and the clients they were used from.
    when 'sessions' then
      delete from app_private.auth_sessions s
      where s.id in (
        select o.id
        from app_private.auth_sessions o
        where least(o.expires_at, coalesce(o.revoked_at, o.expires_at)) < v_before
        limit c_batch
      );
    when 'shares' then
      delete from app_public.resource_shares s
      where s.id in (select o.id from app_public.resource_shares o where o.expires_at < v_before limit c_batch);
    -- Applied events, whose payload went when they were.
    when 'webhook_events' then
      delete from app_private.webhook_events e
      where e.id in (select o.id from app_private.webhook_events o where o.processed_at < v_before limit c_batch);
    when 'dead_letters' then
      delete from app_public.job_dead_letters d
      where d.id in (select o.id from app_public.job_dead_letters o where o.resolved_at < v_before limit c_batch);
    -- Addresses and hashes of who never came back, and links that ended: for no longer than they work.
    when 'registrations' then
      delete from app_private.registrations r
      where r.id in (select o.id from app_private.registrations o where o.expires_at < now() limit c_batch);
    when 'email_tokens' then
      delete from app_private.email_tokens t
      where t.token_hash in (select o.token_hash from app_private.email_tokens o where o.expires_at < now() limit c_batch);
    when 'export_links' then
      delete from app_private.export_links l
      where l.token_hash in (select o.token_hash from app_private.export_links o where o.expires_at < now() limit c_batch);
    -- A key outlives each job that could come back for it: those of unsettled dead letters are replayed by hand.
    when 'job_effects' then
      delete from app_private.job_effects e
      where e.id in (
        select o.id
        from app_private.job_effects o
        where o.created_at < least(
          v_before,
          (select min(d.created_at) - interval '7 days' from app_public.job_dead_letters d where d.resolved_at is null)
        )
        limit c_batch
      );
    else
      raise exception 'There is nothing to clean up by the name of ''%''.', clean_up.kind using errcode = 'BADIN';
  end case;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$ language plpgsql volatile strict security definer set search_path to '';

grant execute on function app_hidden.clean_up(text) to app_worker;

reset role;
--! EndIncluded jobs/clean_up.sql
