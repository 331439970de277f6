--! Previous: sha1:7352fa04715e159de82552d62e7da9750b4e6b89
--! Hash: sha1:b520cb74c1a3191ea869c75e21bb89905201dc0a
--! Message: mailed codes

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 61-mailed-codes.sql
-- A mail that is sent again leaves the code of the copy before in use.

--! Included jobs/earlier_codes.sql
-- A mail may have arrived although its server did not say so; it is sent again with another code then, and the code of the copy
-- before goes on working.
alter table app_public.invitations add column if not exists earlier_mailed_code_hash bytea;
create index if not exists invitations_earlier_mailed_code_hash_idx on app_public.invitations (earlier_mailed_code_hash);
alter table app_private.registrations add column if not exists earlier_code_hash bytea;
create index if not exists registrations_earlier_code_hash_idx on app_private.registrations (earlier_code_hash);

-- Documentation ---------------------------------------------------------------

comment on column app_public.invitations.earlier_mailed_code_hash is
  E'@behavior -insert -update -select\nThe same of the copy before, where the mail was sent again.';
--! EndIncluded jobs/earlier_codes.sql
--! Included jobs/address_mail.sql
set local role app_definer;

-- Whom a mail goes to, and the code that its link ends with, if any; no row when there is nobody to write to (any more).
-- Definer, because a worker reads no addresses and no codes otherwise. The code is new with each call and only its hash
-- is kept: a mail that is tried again carries another one, and the one of the copy before still works.
create or replace function app_hidden.address_mail(template text, user_id uuid, subject_id uuid)
returns table (address text, code text) as $$
declare
  v_code text := encode(extensions.gen_random_bytes(32), 'hex');
  v_hash bytea := sha256(convert_to(v_code, 'UTF8'));
begin
  case address_mail.template
    when 'verify_email' then
      delete from app_private.email_tokens t
      where t.token_hash in (
        select e.token_hash
        from app_private.email_tokens e
        where e.expires_at <= now()
        order by e.expires_at
        limit 10
        for update skip locked
      );
      return query
        insert into app_private.email_tokens as t (token_hash, user_id, email, expires_at)
        select v_hash, u.id, u.email, now() + interval '1 day'
        from app_public.users u
        where u.id = address_mail.user_id
        and u.email is not null
        and u.email_verified_at is null
        and u.deleted_at is null
        returning t.email, v_code;
    when 'registration' then
      return query select a.address, a.code from app_private.address_registration(address_mail.subject_id, v_code) a;
    when 'invitation' then
      return query
        update app_public.invitations i
        set mailed_code_hash = v_hash, earlier_mailed_code_hash = i.mailed_code_hash
        where i.id = address_mail.subject_id
        and i.accepted_at is null
        and i.revoked_at is null
        and i.expires_at > now()
        returning i.email::text, v_code;
    when 'weekly_report', 'export_ready', 'break_glass_opened', 'break_glass_unreviewed' then
      return query
        select u.email::text, null::text
        from app_public.users u
        where u.id = address_mail.user_id
        and u.email is not null
        and u.deleted_at is null;
  end case;
end;
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_hidden.address_mail(text, uuid, uuid) to app_worker;

-- The person who was invited gets a code of their own by mail; the one that `invite_member` shows is for handing it over.
create or replace function app_private.tg_invitations__mail() returns trigger as $$
begin
  if app_private.acting_role() <> 'app_data' then
    perform app_private.add_job('mail__send', jsonb_build_object('template', 'invitation', 'subjectId', NEW.id));
  end if;
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_private.tg_invitations__mail() to app_owner;

reset role;

create or replace trigger _900_mail
  after insert on app_public.invitations
  for each row
  execute function app_private.tg_invitations__mail();
--! EndIncluded jobs/address_mail.sql
--! Included tenancy/invitations.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.invitations');

create policy tenant_boundary on app_public.invitations
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

create policy select_administrator on app_public.invitations
  for select to app_user
  using (organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}'))));

-- Only an owner invites an owner, and nobody invites themselves (accept_invitation() refuses it, too).
create policy insert_administrator on app_public.invitations
  for insert to app_user
  with check (
    email is distinct from (select u.email from app_public.users u where u.id = (select app_hidden.current_user_id()))
    and (
      organization_id = any (array(select app_hidden.organization_ids_with_role('{owner}')))
      or organization_role <> 'owner'
      and organization_id = any (array(select app_hidden.organization_ids_with_role('{admin}')))
    )
  );

-- Taking an invitation back is for ever: an admin could otherwise bring back one that only an owner may make.
create policy update_administrator on app_public.invitations
  for update to app_user
  using (
    revoked_at is null
    and accepted_at is null
    and organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
  )
  with check (
    revoked_at is not null
    and organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
  );

-- accept_invitation() looks a code up before it is known whose it is, and marks it as used by the caller; address_mail()
-- gives an open one the code that is mailed.
create policy select_definer on app_public.invitations
  for select to app_definer
  using (true);
create policy update_definer on app_public.invitations
  for update to app_definer
  using (true)
  with check (accepted_by = (select auth.uid()) or (accepted_by is null and accepted_at is null));

grant
  select (
    id, organization_id, clinic_id, email, organization_role, clinic_role, expires_at, accepted_at, accepted_by,
    revoked_at, created_at, updated_at, created_by, updated_by
  ),
  insert (organization_id, clinic_id, email, organization_role, clinic_role, code_hash, expires_at),
  update (revoked_at)
on app_public.invitations to app_user;
grant select, update (accepted_at, accepted_by, mailed_code_hash, earlier_mailed_code_hash)
on app_public.invitations to app_definer;
-- The hash of the code is written and never read by a request; those of mailed codes neither.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.invitations');

-- Documentation ---------------------------------------------------------------

comment on table app_public.invitations is
  E'@behavior -insert\nAn offer to join an organization, and perhaps a clinic. Made by `inviteMember`, taken by `acceptInvitation`.';
comment on column app_public.invitations.id is 'The invitation’s id.';
comment on column app_public.invitations.organization_id is 'The organization that invites.';
comment on column app_public.invitations.clinic_id is 'The clinic that the person will work in, if any.';
comment on column app_public.invitations.email is 'The address the invitation is for; only its owner can accept.';
comment on column app_public.invitations.organization_role is 'What the person will be in the organization.';
comment on column app_public.invitations.clinic_role is 'What the person will be in the clinic.';
comment on column app_public.invitations.code_hash is E'@behavior -insert -select\nSHA-256 of the code.';
comment on column app_public.invitations.mailed_code_hash is
  E'@behavior -insert -update -select\nSHA-256 of the code that was mailed to the person.';
comment on column app_public.invitations.expires_at is 'Until when it can be accepted.';
comment on column app_public.invitations.accepted_at is 'When it was accepted.';
comment on column app_public.invitations.accepted_by is 'Who accepted it.';
comment on column app_public.invitations.revoked_at is 'When it was taken back.';
comment on column app_public.invitations.created_at is 'When it was made.';
comment on column app_public.invitations.updated_at is 'When it last changed.';
comment on column app_public.invitations.created_by is 'Who made it.';
comment on column app_public.invitations.updated_by is 'Who changed it last.';
--! EndIncluded tenancy/invitations.sql
--! Included tenancy/accept_invitation.sql
set local role app_definer;

-- A definer function, because the person who accepts is no member yet. One answer for a code that is unknown, used,
-- revoked, expired or somebody else's.
create or replace function app_public.accept_invitation(code text) returns app_public.organization_memberships as $$
declare
  v_user_id uuid := app_hidden.current_user_id();
  v_invitation app_public.invitations;
  v_membership app_public.organization_memberships;
begin
  if v_user_id is null then
    raise exception 'Sign in first.' using errcode = 'UNAUT';
  end if;
  update app_public.invitations i
  set accepted_at = now(), accepted_by = v_user_id
  where sha256(convert_to(accept_invitation.code, 'UTF8'))
    in (i.code_hash, i.mailed_code_hash, i.earlier_mailed_code_hash)
  and i.accepted_at is null
  and i.revoked_at is null
  and i.expires_at > now()
  and i.created_by is distinct from v_user_id
  and i.email = (select u.email from app_public.users u where u.id = v_user_id)
  returning * into v_invitation;
  if v_invitation.id is null then
    raise exception 'This invitation does not exist or can no longer be accepted.' using errcode = 'NTFND';
  end if;

  insert into app_public.organization_memberships as m (organization_id, user_id, role)
  values (v_invitation.organization_id, v_user_id, v_invitation.organization_role)
  on conflict (organization_id, user_id) do update
  -- Somebody who is there already keeps what they are; somebody who left comes back as what they are invited to be.
  set role = case when m.active then m.role else excluded.role end, active = true
  -- An invitation from before somebody was put out does not bring them back.
  where m.active or v_invitation.created_at > m.updated_at
  returning * into v_membership;
  if v_membership.id is null then
    raise exception 'This invitation does not exist or can no longer be accepted.' using errcode = 'NTFND';
  end if;

  if v_invitation.clinic_id is not null then
    insert into app_public.clinic_memberships as c (organization_id, clinic_id, user_id, role, display_name)
    select v_invitation.organization_id, v_invitation.clinic_id, v_user_id, v_invitation.clinic_role,
      coalesce(nullif(p.display_name, ''), v_invitation.email)
    from app_public.profiles p
    where p.user_id = v_user_id
    on conflict (organization_id, clinic_id, user_id) do update
    set role = excluded.role, active = true
    -- Nor does one from before a role was taken away bring that back.
    where v_invitation.created_at > c.updated_at;
  end if;
  return v_membership;
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_public.accept_invitation(text) to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.accept_invitation(text) is '@argument code The code of the invitation.
Joins the organization (and clinic) of an invitation that was sent to the caller’s own address.';

reset role;
--! EndIncluded tenancy/accept_invitation.sql
--! Included identity/registrations.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_private.registrations');
create policy all_definer on app_private.registrations to app_definer using (true) with check (true);
grant
  select,
  insert (email, password_hash, display_name),
  update (code_hash, earlier_code_hash),
  delete
on app_private.registrations to app_definer;

-- Documentation ---------------------------------------------------------------

comment on table app_private.registrations is
  'Accounts asked for and not yet confirmed by mail: kept for a day, whether or not the address has an account already.';
--! EndIncluded identity/registrations.sql
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
    set code_hash = sha256(convert_to(address_registration.code, 'UTF8')), earlier_code_hash = r.code_hash
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
  where sha256(convert_to(begin_confirmation.code, 'UTF8')) in (r.code_hash, r.earlier_code_hash)
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
  where sha256(convert_to(confirm_registration.code, 'UTF8')) in (r.code_hash, r.earlier_code_hash)
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
--! Included jobs/job_effects.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_private.job_effects');

-- Only the functions below: a key is claimed for the organization that the job's transaction sees, or for none.
create policy all_definer on app_private.job_effects
  to app_definer
  using (effect_key <> '')
  with check (effect_key <> '');

grant select, insert (organization_id, effect_key), delete on app_private.job_effects to app_definer;

-- Functions -------------------------------------------------------------------

set local role app_definer;

-- True the first time, for the transaction that asks. One that asks for the same key meanwhile waits for its end: it is told
-- false after a commit, and true after a rollback.
create or replace function app_hidden.claim_effect(effect_key text) returns boolean as $$
  with claimed as (
    insert into app_private.job_effects (organization_id, effect_key)
    values (app_hidden.current_organization_id(), claim_effect.effect_key)
    on conflict do nothing
    returning 1
  )
  select exists (select from claimed);
$$ language sql volatile strict security definer set search_path to '';

-- Whether it was claimed before, by a transaction that has committed; for work that is better not begun then.
create or replace function app_hidden.has_taken_effect(effect_key text) returns boolean as $$
  select exists (
    select
    from app_private.job_effects e
    where e.organization_id is not distinct from app_hidden.current_organization_id()
    and e.effect_key = has_taken_effect.effect_key
  );
$$ language sql stable strict security definer set search_path to '';

grant execute on function app_hidden.claim_effect(text), app_hidden.has_taken_effect(text) to app_worker;

reset role;

-- Documentation ---------------------------------------------------------------

comment on table app_private.job_effects is
  'What jobs have brought about, by key, so that a job that runs twice does it once. Forgotten when no job can come back for it.';
--! EndIncluded jobs/job_effects.sql

select app_audit.note_sensitivity();
