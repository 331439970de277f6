--! Previous: sha1:594c3906f716890950726a06d8b1b39701dd2175
--! Hash: sha1:58cd4c4fb25cd71ae925d567872987941829649e
--! Message: mail

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 70-mail.sql
-- Mails: who gets them, and the codes that they carry.

--! Included identity/email_tokens_table.sql
-- What was mailed to somebody to prove that an address is theirs: only its hash, and the address that it was sent to.
create table if not exists app_private.email_tokens (
  token_hash bytea primary key,
  user_id uuid not null references app_public.users on delete cascade,
  email text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz,
  constraint email_tokens_token_hash_is_sha256 check (octet_length(token_hash) = 32)
);
create index if not exists email_tokens_user_id_idx on app_private.email_tokens (user_id);
create index if not exists email_tokens_expires_at_idx on app_private.email_tokens (expires_at);
--! EndIncluded identity/email_tokens_table.sql
--! Included tenancy/invitations_mailed_code.sql
-- The code that is mailed is another than the one that is shown to whoever invites.
alter table app_public.invitations add column if not exists mailed_code_hash bytea;
create index if not exists invitations_mailed_code_hash_idx on app_public.invitations (mailed_code_hash);
--! EndIncluded tenancy/invitations_mailed_code.sql
--! Included identity/email_tokens.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_private.email_tokens');
create policy all_definer on app_private.email_tokens to app_definer using (true) with check (true);
grant select, insert (token_hash, user_id, email, expires_at), update (used_at), delete
on app_private.email_tokens to app_definer;

-- Documentation ---------------------------------------------------------------

comment on table app_private.email_tokens is
  'SHA-256 of each token that was mailed to prove an address. It works once, for a day, and only while the account has that address.';
--! EndIncluded identity/email_tokens.sql
--! Included identity/verify_email.sql
set local role app_definer;

-- Definer, because whoever opens the link need not be signed in. The token is the proof: 256 random bits, mailed to the
-- address and stored as a hash. One answer for a token that is unknown, used, expired or of an address that has changed.
create or replace function app_public.verify_email(token text) returns boolean as $$
declare
  v_token app_private.email_tokens;
begin
  update app_private.email_tokens t
  set used_at = now()
  where t.token_hash = sha256(convert_to(verify_email.token, 'UTF8'))
  and t.used_at is null
  and t.expires_at > now()
  returning * into v_token;
  update app_public.users u
  set email_verified_at = coalesce(u.email_verified_at, now())
  where u.id = v_token.user_id
  and u.email = v_token.email
  and u.deleted_at is null;
  if not found then
    raise exception 'This link does not work (any more). Ask for a new one.' using errcode = 'NTFND';
  end if;
  return true;
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- Asks for the mail once more. Definer, because only it may enqueue; it does so for nobody but the caller.
create or replace function app_public.send_verification_email() returns boolean as $$
declare
  v_user app_public.users;
begin
  select u.* into v_user from app_public.users u where u.id = app_hidden.current_user_id();
  if v_user.id is null then
    raise exception 'Sign in first.' using errcode = 'UNAUT';
  end if;
  if v_user.email is null
    or v_user.email_verified_at is not null
    or app_private.count_attempt('verification mail ' || v_user.id, 3) is not null
  then
    return false;
  end if;
  perform app_private.add_job('mail__send', jsonb_build_object('template', 'verify_email', 'userId', v_user.id));
  return true;
end;
$$ language plpgsql volatile security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_public.verify_email(text) to app_anonymous, app_user;
grant execute on function app_public.send_verification_email() to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.verify_email(text) is '@argument token What the mail’s link ends with.
Proves that an e-mail address is somebody’s, by the token that was mailed to it. Works once.';
comment on function app_public.send_verification_email() is
  'Mails the caller a new link that proves their address; false if there is nothing to prove, or three went out in a quarter of an hour.';

reset role;
--! EndIncluded identity/verify_email.sql
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
grant select, update (accepted_at, accepted_by, mailed_code_hash) on app_public.invitations to app_definer;
-- The hash of the code is written and never read by a request; that of the mailed code neither.

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
  where sha256(convert_to(accept_invitation.code, 'UTF8')) in (i.code_hash, i.mailed_code_hash)
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
--! Included jobs/address_mail.sql
set local role app_definer;

-- Whom a mail goes to, and the code that its link ends with, if any; no row when there is nobody to write to (any more).
-- Definer, because a worker reads no addresses and no codes otherwise. The code is new with each call and only its hash
-- is kept: a mail that is tried again carries another one, and the earlier of an invitation ends.
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
        set mailed_code_hash = v_hash
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
