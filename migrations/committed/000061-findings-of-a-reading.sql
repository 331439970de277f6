--! Previous: sha1:07dc8390f5fca56667aa6e878687949d73108323
--! Hash: sha1:9988b22c58a75530e88f9cd9d8e0abbbe69f0e22
--! Message: findings-of-a-reading

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.
--! Included tenancy/organization_memberships.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.organization_memberships');
select app_private.allow_data_role('app_public.organization_memberships');

create policy tenant_boundary on app_public.organization_memberships
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

create policy select_self_or_administrator on app_public.organization_memberships
  for select to app_user
  using (
    user_id = (select app_hidden.current_user_id())
    or organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
    or (select app_hidden.is_superadmin())
  );

-- An admin changes anybody but owners; only an owner makes or changes an owner. Nobody changes their own row, so that no
-- one raises themselves and the last owner cannot leave (nor two put each other out at once: keep_owner.sql).
create policy update_administrator on app_public.organization_memberships
  for update to app_user
  using (
    user_id <> (select app_hidden.current_user_id())
    and (
      organization_id = any (array(select app_hidden.organization_ids_with_role('{owner}')))
      or role <> 'owner'
      and organization_id = any (array(select app_hidden.organization_ids_with_role('{admin}')))
    )
  )
  with check (
    user_id <> (select app_hidden.current_user_id())
    and (
      organization_id = any (array(select app_hidden.organization_ids_with_role('{owner}')))
      or role <> 'owner'
      and organization_id = any (array(select app_hidden.organization_ids_with_role('{admin}')))
    )
  );

-- The helpers look up the caller's own memberships and nobody else's; seats and owners are counted over everybody of one
-- organization, and a job that has something to tell its organization finds the administrators.
create policy select_definer on app_public.organization_memberships
  for select to app_definer
  using (
    user_id = (select auth.uid())
    or organization_id = (select app_hidden.seat_scope())
    or (
      (select app_private.acting_role()) = 'app_worker'
      and role in ('owner', 'admin')
      and organization_id = (select app_hidden.current_organization_id())
    )
  );

-- create_organization() and accept_invitation() make the caller a member.
create policy insert_definer on app_public.organization_memberships
  for insert to app_definer
  with check (user_id = (select auth.uid()));
create policy update_definer on app_public.organization_memberships
  for update to app_definer
  using (user_id = (select auth.uid()))
  with check (user_id = (select auth.uid()));

-- Whom a job tells of something (access/notify_reviewers.sql).
create policy select_worker on app_public.organization_memberships
  for select to app_worker
  using (organization_id = (select app_hidden.current_organization_id()));

grant
  select (
    id, organization_id, user_id, role, is_privacy_officer, active, created_at, updated_at, created_by, updated_by
  ),
  update (role, is_privacy_officer, active)
on app_public.organization_memberships to app_user;
grant select, insert (organization_id, user_id, role), update (role, active)
on app_public.organization_memberships to app_definer;
grant select (organization_id, user_id, role, active) on app_public.organization_memberships to app_worker;
-- No insert grant: people become members by invitation. No delete grant: a membership that ends becomes inactive, so that
-- what the person did stays attributable.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.organization_memberships');

-- Whoever leaves and comes back is no privacy officer until an owner says so again.
create or replace function app_private.tg_organization_memberships__end_office() returns trigger as $$
begin
  NEW.is_privacy_officer := false;
  return NEW;
end;
$$ language plpgsql volatile set search_path to '';

create or replace trigger _110_end_office
  before update of active on app_public.organization_memberships
  for each row
  when (not NEW.active)
  execute function app_private.tg_organization_memberships__end_office();

-- Who watches over those that run the organization is not theirs to choose, nor to put out of office, except the owners'.
-- Of no column: the office also ends by _110_end_office, and `update of` looks only at what the statement itself names.
create or replace function app_private.tg_organization_memberships__guard_office() returns trigger as $$
begin
  if current_user = 'app_user'
    and NEW.organization_id <> all (array(select app_hidden.organization_ids_with_role('{owner}')))
  then
    raise exception 'Only an owner says who the privacy officer is.' using errcode = 'DENYD';
  end if;
  return NEW;
end;
$$ language plpgsql volatile set search_path to '';

create or replace trigger _310_guard_office
  before update on app_public.organization_memberships
  for each row
  when (NEW.is_privacy_officer is distinct from OLD.is_privacy_officer)
  execute function app_private.tg_organization_memberships__guard_office();

-- Documentation ---------------------------------------------------------------

comment on table app_public.organization_memberships is
  'That a person belongs to an organization, and as what. Everybody sees their own; owners and admins see all.';
comment on column app_public.organization_memberships.id is 'The membership’s id.';
comment on column app_public.organization_memberships.organization_id is 'The organization.';
comment on column app_public.organization_memberships.user_id is 'The person.';
comment on column app_public.organization_memberships.role is 'What the person is there.';
comment on column app_public.organization_memberships.is_privacy_officer is
  'Whether the person sees the organization’s audit with its content. An owner says so of somebody else; ends with the membership.';
comment on column app_public.organization_memberships.active is
  'Whether it counts. Access ends with the next statement after this turns false.';
comment on column app_public.organization_memberships.created_at is 'When the person joined.';
comment on column app_public.organization_memberships.updated_at is 'When the membership last changed.';
comment on column app_public.organization_memberships.created_by is 'Who made it.';
comment on column app_public.organization_memberships.updated_by is 'Who changed it last.';
--! EndIncluded tenancy/organization_memberships.sql
--! Included tenancy/keep_owner.sql
set local role app_definer;

-- The policies let no owner end themselves, but each looks at what was there when its statement began: two owners who put
-- each other out at the same moment would leave nobody. Runs after each row that ends an owner, one transaction at a time
-- in an organization: the second waits, and then sees what the first has left. An owner whose account is closed is none.
create or replace function app_private.tg_organization_memberships__keep_owner() returns trigger as $$
declare
  v_is_kept boolean;
begin
  perform pg_advisory_xact_lock(hashtextextended(format('owners %s', NEW.organization_id), 0));
  perform set_config('app.seat_scope', NEW.organization_id::text, true);
  v_is_kept := exists (
    select
    from app_public.organization_memberships m
    join app_public.users u on u.id = m.user_id
    where m.organization_id = NEW.organization_id
    and m.role = 'owner'
    and m.active
    and u.deleted_at is null
  );
  perform set_config('app.seat_scope', '', true);
  if not v_is_kept then
    raise exception 'The organization would be left without an owner.' using errcode = 'CNFLT';
  end if;
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_private.tg_organization_memberships__keep_owner() to app_owner;

reset role;

-- Of requests: an operator or an import may put things in an order of their own. Nobody but an operator deletes.
create or replace trigger _410_keep_owner
  after update on app_public.organization_memberships
  for each row
  when (
    OLD.role = 'owner'
    and OLD.active
    and not (NEW.role = 'owner' and NEW.active)
    and current_user = 'app_user'
  )
  execute function app_private.tg_organization_memberships__keep_owner();
--! EndIncluded tenancy/keep_owner.sql
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
-- gives an open one the code that is mailed; a newer one takes an open one's place (renew_invitation.sql).
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
grant select, update (accepted_at, accepted_by, revoked_at, mailed_code_hash, earlier_mailed_code_hash)
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
comment on column app_public.invitations.revoked_at is 'When it was taken back, or a newer one took its place.';
comment on column app_public.invitations.created_at is 'When it was made.';
comment on column app_public.invitations.updated_at is 'When it last changed.';
comment on column app_public.invitations.created_by is 'Who made it.';
comment on column app_public.invitations.updated_by is 'Who changed it last.';
--! EndIncluded tenancy/invitations.sql
--! Included tenancy/invite_member.sql
do $$
begin
  if to_regtype('app_public.invitation_grant') is null then
    create type app_public.invitation_grant as (invitation_id uuid, code text, expires_at timestamptz);
  end if;
end
$$;

-- Invoker: the policies of invitations decide who may invite whom. The answer is the same for an address that has an
-- account and one that has none.
create or replace function app_public.invite_member(
  email text,
  organization_role app_public.organization_role = 'member',
  clinic_id uuid = null,
  clinic_role app_public.clinic_role = null,
  organization_id uuid = app_hidden.default_organization_id()
) returns app_public.invitation_grant as $$
declare
  v_code text := encode(extensions.gen_random_bytes(20), 'hex');
  v_grant app_public.invitation_grant;
begin
  if lower(trim(invite_member.email)) !~ '^[^@\s]+@[^@\s]+$' then
    raise exception 'The e-mail address is not valid.' using errcode = 'BADIN';
  end if;
  if invite_member.organization_id is null then
    raise exception 'Say which organization: send X-Organization-Id or organizationId.' using errcode = 'BADIN';
  end if;
  if (invite_member.clinic_id is null) <> (invite_member.clinic_role is null) then
    raise exception 'A clinic and a role in it go together.' using errcode = 'BADIN';
  end if;
  insert into app_public.invitations (
    organization_id, clinic_id, email, organization_role, clinic_role, code_hash, expires_at
  )
  values (
    invite_member.organization_id,
    invite_member.clinic_id,
    lower(trim(invite_member.email)),
    invite_member.organization_role,
    invite_member.clinic_role,
    sha256(convert_to(v_code, 'UTF8')),
    now() + interval '7 days'
  )
  returning id, v_code, expires_at into v_grant;
  return v_grant;
end;
$$ language plpgsql volatile set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_public.invite_member(
  text, app_public.organization_role, uuid, app_public.clinic_role, uuid
) to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.invite_member(text, app_public.organization_role, uuid, app_public.clinic_role, uuid) is '@argument email Whom to invite.
@argument organization_role The role in the organization.
@argument clinic_id The uuid (rowId) of the clinic to join as well.
@argument clinic_role The role in the clinic; goes with a clinic.
@argument organization_id The uuid (rowId) of the organization; the active one unless given.
Invites somebody by e-mail into an organization, and if a clinic is named, into that clinic. For owners and admins.
Takes the place of an open invitation into the same. An address can be invited five times in a quarter of an hour: TOO_MANY_REQUESTS.';
comment on type app_public.invitation_grant is 'A new invitation with its code, which is shown this once.';
comment on column app_public.invitation_grant.invitation_id is 'The invitation.';
comment on column app_public.invitation_grant.code is 'What the invited person hands to `acceptInvitation`.';
comment on column app_public.invitation_grant.expires_at is 'Until when it can be accepted.';
--! EndIncluded tenancy/invite_member.sql
--! Included tenancy/renew_invitation.sql
set local role app_definer;

-- An invitation is a mail to somebody who has not asked for it, from whoever has made themselves an organization: counted by
-- the address, like registrations, however many organizations invite it. Then it takes the place of the open one of that
-- organization and clinic, if there is one; the count has made a second of the same moment wait, so there is never more.
create or replace function app_private.tg_invitations__renew() returns trigger as $$
declare
  v_wait integer;
begin
  if app_private.acting_role() = 'app_data' then
    return null;
  end if;
  v_wait := app_private.count_attempt('invitation ' || NEW.email, 5);
  if v_wait is not null then
    raise exception 'This address was invited too often. Wait before the next invitation.'
      using errcode = 'LIMIT', hint = v_wait::text;
  end if;
  update app_public.invitations i
  set revoked_at = now()
  where i.organization_id = NEW.organization_id
  and i.clinic_id is not distinct from NEW.clinic_id
  and i.email = NEW.email
  and i.id <> NEW.id
  and i.accepted_at is null
  and i.revoked_at is null
  and i.expires_at > now();
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_private.tg_invitations__renew() to app_owner;

reset role;

-- Before the mail is put into the queue.
create or replace trigger _420_renew
  after insert on app_public.invitations
  for each row
  execute function app_private.tg_invitations__renew();
--! EndIncluded tenancy/renew_invitation.sql
--! Included tenancy/accept_invitation.sql
set local role app_definer;

-- A definer function, because the person who accepts is no member yet. One answer for a code that is unknown, used,
-- revoked, expired or somebody else's, and for an address that is not proven to be the caller's.
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
  and i.email = (
    select u.email from app_public.users u where u.id = v_user_id and u.email_verified_at is not null
  )
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
Joins the organization (and clinic) of an invitation that was sent to the caller’s own address, which they have proven.';

reset role;
--! EndIncluded tenancy/accept_invitation.sql
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
-- proven is not taken: nobody else could have it, its owner least of all. A name is taken over until its person has chosen
-- another one here.
create or replace function app_private.follow_identity(user_id uuid, facts jsonb, email text, former_name text)
returns void as $$
declare
  v_name text := left(trim(facts ->> 'name'), 200);
begin
  update app_public.users u
  set
    email = follow_identity.email,
    email_verified_at = now()
  where u.id = follow_identity.user_id
  and u.deleted_at is null
  and follow_identity.email is not null
  and (facts ->> 'emailVerified')::boolean
  and (u.email is distinct from follow_identity.email or u.email_verified_at is null)
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
        and u.email_verified_at is not null
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
--! Included vault/share_reader.sql
-- The one way into the vault for somebody who is not the owner: functions owned by `app_share_reader` (a role that
-- nobody can sign in as), whose policies say "a share that is open now": by the hash of the token that the function was
-- called with, or to the caller's clinic. Such a function can do no more than its policies, whatever is written in it.

-- Set by those functions while they run. Somebody who set it otherwise would need a token's hash, and still the role.
create or replace function app_hidden.share_token_hash() returns bytea as $$
  select decode(nullif(current_setting('app.share_token_hash', true), ''), 'hex');
$$ language sql stable parallel safe set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_hidden.share_token_hash(),
  app_hidden.uuid_v7(),
  auth.uid()
to app_share_reader;

set local role app_definer;
grant execute on function app_hidden.clinic_ids_with_role(app_public.clinic_role[]) to app_share_reader;

-- Whether a sharer's account is open: whoever has closed it can take nothing back any more. Definer, because nobody who opens
-- a share reads users. The cost has Postgres ask this last, of the shares that are open otherwise.
create or replace function app_hidden.is_open_account(user_id uuid) returns boolean as $$
  select exists (
    select from app_public.users u where u.id = is_open_account.user_id and u.deleted_at is null
  );
$$ language sql stable strict parallel safe security definer cost 100000 set search_path to '';

grant execute on function app_hidden.is_open_account(uuid) to app_share_reader;
reset role;
--! EndIncluded vault/share_reader.sql
--! Included vault/healthcare_shares.sql
-- Access ----------------------------------------------------------------------

select app_private.close_vault('app_vault.healthcare_shares', 'app_share_reader');

create policy select_owner on app_vault.healthcare_shares
  for select to app_user
  using (user_id = (select app_hidden.current_user_id()));

create policy insert_owner on app_vault.healthcare_shares
  for insert to app_user
  with check (user_id = (select app_hidden.current_user_id()));

create policy update_owner on app_vault.healthcare_shares
  for update to app_user
  using (user_id = (select app_hidden.current_user_id()))
  with check (user_id = (select app_hidden.current_user_id()));

-- A share that is open now: the token in this statement is its, or it was given to a clinic in which the caller treats
-- patients. A superadmin treats nobody by being one. All of a person's end with their account, however that was closed.
create policy select_share_reader on app_vault.healthcare_shares
  for select to app_share_reader
  using (
    revoked_at is null
    and expires_at > now()
    and (
      id in (select t.share_id from app_vault.share_tokens t)
      or recipient_clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}')))
    )
    and app_hidden.is_open_account(user_id)
  );

grant
  select (id, user_id, recipient_clinic_id, expires_at, revoked_at, created_at, updated_at),
  insert (recipient_clinic_id, expires_at),
  update (revoked_at)
on app_vault.healthcare_shares to app_user;
grant select (id, user_id, recipient_clinic_id, expires_at, revoked_at)
on app_vault.healthcare_shares to app_share_reader;
-- No delete grant: a share is revoked and stays on record with everybody who opened it.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_vault.healthcare_shares');
select app_private.audit_changes('app_vault.healthcare_shares', 'id', '');

create or replace trigger _300_stay_revoked
  before update of revoked_at on app_vault.healthcare_shares
  for each row
  when (OLD.revoked_at is not null and NEW.revoked_at is distinct from OLD.revoked_at)
  execute function app_private.tg__stay_revoked();

-- A redemption looks at the newest state of the token only: so the links of a share end with it.
create or replace function app_private.tg_healthcare_shares__revoke_tokens() returns trigger as $$
begin
  update app_vault.share_tokens t
  set revoked_at = NEW.revoked_at
  where t.user_id = NEW.user_id
  and t.share_id = NEW.id
  and t.revoked_at is null;
  return null;
end;
$$ language plpgsql volatile set search_path to '';

create or replace trigger _400_revoke_tokens
  after update of revoked_at on app_vault.healthcare_shares
  for each row
  when (OLD.revoked_at is null and NEW.revoked_at is not null)
  execute function app_private.tg_healthcare_shares__revoke_tokens();

create or replace function app_vault.revoke_healthcare_share(share_id uuid) returns app_vault.healthcare_shares as $$
declare
  v_share app_vault.healthcare_shares;
begin
  update app_vault.healthcare_shares s
  set revoked_at = coalesce(s.revoked_at, now())
  where s.id = revoke_healthcare_share.share_id
  returning * into v_share;
  if v_share.id is null then
    raise exception 'There is no such share.' using errcode = 'NTFND';
  end if;
  return v_share;
end;
$$ language plpgsql volatile strict set search_path to '';

grant execute on function app_vault.revoke_healthcare_share(uuid) to app_user;

-- Documentation ---------------------------------------------------------------

comment on table app_vault.healthcare_shares is
  E'@behavior -update -resource:aggregates -resource:groupedAggregates\nThat a person lets others read some of their encrypted records: whoever has a link, and if a clinic is named, its providers. Needs the share’s key too, which travels in the link’s fragment.';
comment on column app_vault.healthcare_shares.id is 'The share’s id.';
comment on column app_vault.healthcare_shares.user_id is 'Who shares.';
comment on column app_vault.healthcare_shares.recipient_clinic_id is
  'The clinic whose providers and admins may open it when they are signed in; null if a link is the only way.';
comment on column app_vault.healthcare_shares.expires_at is 'Until when it can be opened: a year at most.';
comment on column app_vault.healthcare_shares.revoked_at is 'When it was taken back.';
comment on column app_vault.healthcare_shares.created_at is 'When it was made.';
comment on column app_vault.healthcare_shares.updated_at is 'When it last changed.';
comment on function app_vault.revoke_healthcare_share(uuid) is
  E'@argument share_id The share.\nTakes a share back for good, with all its links. What was read before cannot be unread.';
--! EndIncluded vault/healthcare_shares.sql
--! Included vault/redeem_share.sql
set local role app_share_reader;

-- A share's records with the keys that the share's own key opens. Only under the policies of `app_share_reader`.
create or replace function app_vault.shared_records(share_id uuid) returns setof app_vault.shared_record as $$
  select
    r.share_id, d.id, d.user_id, d.version, d.envelope_version, d.algorithm, d.key_id, d.nonce, d.ciphertext,
    r.key_id, r.nonce, r.ciphertext
  from app_vault.healthcare_share_records r
  join app_vault.encrypted_cycle_data d on d.user_id = r.user_id and d.id = r.record_id
  where r.share_id = shared_records.share_id
  order by d.id;
$$ language sql stable set search_path to '';
-- Invoker and granted to nobody: the two functions below call it as its owner.

-- One answer for a token that is unknown, used up, expired, revoked or of a closed account, after the same look-up. One
-- UPDATE decides who of many callers has the last use.
create or replace function app_vault.redeem_share(token text) returns setof app_vault.shared_record as $$
declare
  v_token record;
begin
  perform set_config('app.share_token_hash', encode(sha256(convert_to(redeem_share.token, 'UTF8')), 'hex'), true);
  update app_vault.share_tokens t
  set uses = t.uses + 1
  from app_vault.healthcare_shares s
  where t.token_hash = app_hidden.share_token_hash()
  and t.revoked_at is null
  and t.expires_at > now()
  and t.uses < t.max_uses
  and s.id = t.share_id
  returning t.id, t.user_id, t.share_id into v_token;
  if not found then
    raise exception 'This link does not exist or can no longer be used.' using errcode = 'NTFND';
  end if;
  insert into app_vault.share_accesses (user_id, share_id, token_id, reader_id)
  values (v_token.user_id, v_token.share_id, v_token.id, auth.uid());
  return query select * from app_vault.shared_records(v_token.share_id);
  perform set_config('app.share_token_hash', '', true);
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- Whether redeem_share() would open something now. Spends no use and leaves no trace; a token cannot be guessed.
create or replace function app_vault.validate_share_token(token text) returns boolean as $$
declare
  v_is_valid boolean;
begin
  perform set_config(
    'app.share_token_hash', encode(sha256(convert_to(validate_share_token.token, 'UTF8')), 'hex'), true
  );
  v_is_valid := exists (
    select
    from app_vault.share_tokens t
    join app_vault.healthcare_shares s on s.id = t.share_id
    where t.token_hash = app_hidden.share_token_hash()
    and t.revoked_at is null
    and t.expires_at > now()
    and t.uses < t.max_uses
  );
  perform set_config('app.share_token_hash', '', true);
  return v_is_valid;
end;
$$ language plpgsql stable strict security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_vault.redeem_share(text), app_vault.validate_share_token(text)
to app_anonymous, app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_vault.shared_records(uuid) is E'@behavior -*\nThe records of an open share.';
comment on function app_vault.redeem_share(text) is
  E'@sensitivity phi\n@argument token The token from the link’s fragment. Never send the key.\nOpens a share with the token of a link, signed in or not, and spends one use. The answer is the same for a token that is unknown, used up, expired, revoked or of a closed account.';
comment on function app_vault.validate_share_token(text) is
  E'@argument token The token from the link’s fragment.\nWhether a link would open a share now. Spends no use, and does not say why not.';

reset role;

comment on type app_vault.shared_record is
  'A record of a share, still encrypted: the key in the link’s fragment opens `wrappedKey`, and that opens the record.';
comment on column app_vault.shared_record.share_id is 'The share.';
comment on column app_vault.shared_record.record_id is 'The record.';
comment on column app_vault.shared_record.user_id is 'Whose record it is; part of what the encryption is bound to.';
comment on column app_vault.shared_record.version is 'The version of the record.';
comment on column app_vault.shared_record.envelope_version is 'The form of the envelope; 1.';
comment on column app_vault.shared_record.algorithm is 'AES-256-GCM or XChaCha20-Poly1305.';
comment on column app_vault.shared_record.key_id is 'The data key that opens the record.';
comment on column app_vault.shared_record.nonce is 'The nonce of the record.';
comment on column app_vault.shared_record.ciphertext is 'The sealed record.';
comment on column app_vault.shared_record.wrapped_key_id is
  'The data key that was shared. If it is another than `keyId`, the owner has changed keys since: ask them to share again.';
comment on column app_vault.shared_record.wrapped_key_nonce is 'The nonce of the wrapped key.';
comment on column app_vault.shared_record.wrapped_key is 'The data key under the share’s key.';
--! EndIncluded vault/redeem_share.sql
--! Included access/explain_access.sql
-- explain_access() for requests: an administrator of an organization asks what a member may do with a row of it, and why. The
-- row is looked at by `app_access_reader`, the policies are asked by `app_access_judge`, and no content comes back. The
-- command line asks the same questions over its own connection (src/access/why).

grant execute on function
  app_hidden.access_questions(regclass, name, text),
  app_hidden.expression_arms(text),
  app_hidden.access_query(regclass, name, text, boolean),
  app_hidden.access_grants(regclass, name, text),
  app_hidden.access_verdict(regclass, name, text, boolean[], jsonb[])
to app_access_judge;

set local role app_access_reader;

-- Of a row, its tenant and the columns that the table's policies compare: nothing else is needed. Null for a row that is not
-- there, is not of an organization that the caller administers, or belongs to no organization.
create or replace function app_hidden.explained_row(target regclass, row_id uuid) returns jsonb as $$
declare
  v_pairs text;
  v_row jsonb;
begin
  select string_agg(format('%L, t.%I', a.attname, a.attname), ', ')
  into v_pairs
  from pg_catalog.pg_attribute a
  where a.attrelid = explained_row.target and a.attnum > 0 and not a.attisdropped
  and (
    a.attname in ('id', 'organization_id', 'clinic_id')
    or exists (
      select from pg_catalog.pg_policy p
      join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_policy'::regclass and d.objid = p.oid
      where p.polrelid = explained_row.target
      and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = p.polrelid and d.refobjsubid = a.attnum
    )
  )
  and exists (
    select from pg_catalog.pg_policy p where p.polrelid = explained_row.target and p.polname = 'select_explained'
  );
  if v_pairs is null or not v_pairs like '%t.id%' then
    return null;
  end if;
  execute format('select jsonb_build_object(%s) from %s t where t.id = $1', v_pairs, explained_row.target)
  into v_row
  using explained_row.row_id;
  return v_row;
end;
$$ language plpgsql stable security definer set search_path to '';

-- Whether somebody is a member of an organization that the caller administers. Not of somebody who is a patient of it as well:
-- what they may see would tell whose record a row is.
create or replace function app_hidden.is_explained_member(person_id uuid, organization_id uuid) returns boolean as $$
  select exists (
    select from app_public.organization_memberships m
    where m.organization_id = is_explained_member.organization_id and m.user_id = is_explained_member.person_id
  ) and not exists (
    select from app_public.patients p
    where p.organization_id = is_explained_member.organization_id and p.portal_user_id = is_explained_member.person_id
  );
$$ language sql stable security definer set search_path to '';

grant execute on function
  app_hidden.explained_row(regclass, uuid),
  app_hidden.is_explained_member(uuid, uuid)
to app_access_judge;

reset role;
set local role app_definer;

-- That an administrator asked, on record twice: about the row, and about the person.
create or replace function app_hidden.record_explanation(organization_id uuid, target regclass, row_id uuid, person_id uuid)
returns void as $$
begin
  insert into app_audit.events (
    organization_id, actor_id, session_id, actor_role, command, table_name, row_id, changed_fields, purpose_of_use,
    request_id, address_hash, device_hash, operation, document_hash
  )
  select record_explanation.organization_id, f.actor_id, f.session_id, f.actor_role, 'EXPLAIN', e.table_name, e.row_id,
    '{}', f.purpose_of_use, f.request_id, f.address_hash, f.device_hash, f.operation, f.document_hash
  from (values (target::text, record_explanation.row_id), ('app_public.users', person_id)) as e (table_name, row_id),
    app_private.describe_request() as f;
end;
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_hidden.record_explanation(uuid, regclass, uuid, uuid) to app_access_judge;

reset role;
set local role app_access_judge;

-- The verdict about a row as the person it is about. Only the functions of this role may call it. The identity is taken on in a
-- block that always ends by an exception: rolling it back brings the caller's back, whatever the policies do in between.
create or replace function app_hidden.judge_access(person_id uuid, target regclass, target_row jsonb, command text)
returns jsonb as $$
declare
  v_query text := app_hidden.access_query(target, 'app_user', judge_access.command);
  v_setting text;
  v_literal text;
  v_results boolean[] := '{}';
  v_evidence jsonb[];
  v_is_closed boolean := false;
begin
  execute format('select array[jsonb_populate_record(null::%s, $1)]::text', judge_access.target)
  into v_literal
  using judge_access.target_row;
  begin
    foreach v_setting in array array[
      'jwt.claims.sid', 'app.identity_issuer', 'app.identity_subject', 'app.current_org_id', 'app.organization_id',
      'app.clinic_id', 'app.purpose_of_use'
    ] loop
      perform set_config(v_setting, '', true);
    end loop;
    perform set_config('jwt.claims.sub', person_id::text, true), set_config('app.current_user_id', person_id::text, true);
    execute v_query into v_results, v_evidence using v_literal;
    raise exception 'The policies have been asked.' using errcode = 'ASKED';
  exception
    when sqlstate 'ASKED' then null;
    when sqlstate 'UNAUT' then v_is_closed := true;
  end;
  return app_hidden.access_verdict(target, 'app_user', judge_access.command, v_results, v_evidence)
    || case when v_is_closed then '{"allowed": false, "because": "the person’s account is closed"}' else '{}' end::jsonb;
end;
$$ language plpgsql volatile security definer set search_path to '';

create or replace function app_hidden.explain_access(
  person_id uuid,
  resource_type text,
  resource_id uuid,
  command text
) returns jsonb as $$
declare
  v_target regclass := to_regclass(format('app_public.%I', explain_access.resource_type));
  v_row jsonb;
  v_organization_id uuid;
begin
  if v_target is not null then
    v_row := app_hidden.explained_row(v_target, explain_access.resource_id);
  end if;
  if v_row is null then
    raise exception 'There is no such record in an organization that you run.' using errcode = 'NTFND';
  end if;
  v_organization_id := v_row ->> case explain_access.resource_type when 'organizations' then 'id' else 'organization_id' end;
  if not app_hidden.is_explained_member(explain_access.person_id, v_organization_id) then
    raise exception 'There is no member of the organization whose access could be shown.' using errcode = 'NTFND';
  end if;
  perform app_hidden.record_explanation(v_organization_id, v_target, explain_access.resource_id, explain_access.person_id);
  return app_hidden.judge_access(explain_access.person_id, v_target, v_row, explain_access.command);
end;
$$ language plpgsql volatile strict security definer set search_path to '';

grant execute on function app_hidden.explain_access(uuid, text, uuid, text) to app_user;

reset role;
--! EndIncluded access/explain_access.sql
--! Included billing/webhook_events.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_private.webhook_events');

-- Only the functions below: an event belongs to nobody until it is applied.
create policy all_definer on app_private.webhook_events
  to app_definer
  using (true)
  with check (true);

grant
  select (id, provider, event_id, payload, received_at, processed_at),
  insert (provider, event_id, payload),
  update (payload, processed_at),
  delete
on app_private.webhook_events to app_definer;

-- Functions -------------------------------------------------------------------

set local role app_definer;

-- Stores an event and hands it to a job; its id, or null if this event is here already: deliveries are repeated. The
-- gateway has verified the provider's signature and names the event in a setting that no header or claim reaches.
create or replace function app_hidden.receive_webhook(provider text, event_id text, payload jsonb) returns uuid as $$
declare
  v_id uuid;
begin
  if current_setting('app.verified_webhook', true) is distinct from
    format('%s:%s', receive_webhook.provider, receive_webhook.event_id)
  then
    raise exception 'Only an event whose signature was verified is received.' using errcode = 'DENYD';
  end if;
  insert into app_private.webhook_events (provider, event_id, payload)
  values (receive_webhook.provider, receive_webhook.event_id, receive_webhook.payload)
  on conflict do nothing
  returning id into v_id;
  if v_id is not null then
    perform app_private.add_job('webhook__apply', jsonb_build_object('webhookEventId', v_id));
  end if;
  return v_id;
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- An event's provider and payload, if it waits to be applied. It is locked until the transaction ends, so that two jobs do
-- not apply it twice; the one that comes second gets nothing.
create or replace function app_hidden.take_webhook(id uuid) returns table (provider text, payload jsonb) as $$
  select e.provider, e.payload
  from app_private.webhook_events e
  where e.id = take_webhook.id
  and e.processed_at is null
  for update skip locked;
$$ language sql volatile strict security definer set search_path to '';

-- What it said is in our tables now, and personal data are not kept twice; or its job was dropped (jobs/operate_jobs.sql),
-- and they are kept for nothing.
create or replace function app_hidden.finish_webhook(id uuid) returns void as $$
  update app_private.webhook_events e
  set processed_at = now(), payload = '{}'
  where e.id = finish_webhook.id;
$$ language sql volatile strict security definer set search_path to '';

-- The organization that pays as this customer: with it in `app.organization_id` the worker may change its subscription.
create or replace function app_hidden.organization_id_of_customer(stripe_customer_id text) returns uuid as $$
  select s.organization_id
  from app_public.subscriptions s
  where s.stripe_customer_id = organization_id_of_customer.stripe_customer_id;
$$ language sql stable strict parallel safe security definer set search_path to '';

grant execute on function app_hidden.receive_webhook(text, text, jsonb) to app_anonymous;
-- Before the gateway received them, the worker could.
revoke execute on function app_hidden.receive_webhook(text, text, jsonb) from app_worker;
grant execute on function
  app_hidden.take_webhook(uuid),
  app_hidden.finish_webhook(uuid),
  app_hidden.organization_id_of_customer(text)
to app_worker;

reset role;

-- Documentation ---------------------------------------------------------------

comment on table app_private.webhook_events is
  'What Stripe and Clerk have sent, each event once. `processed_at` says when it took effect or was dropped; then the payload goes.';
--! EndIncluded billing/webhook_events.sql
--! Included jobs/operate_jobs.sql
set local role app_definer;

-- Every job that is not done, for the operator's commands (`npx bailiwick jobs`), which sign in as the worker. Parked ones have a
-- uuid, those of the queue a number.
create or replace function app_hidden.list_jobs()
returns table (
  id text,
  state text,
  task text,
  organization_id uuid,
  attempts int,
  max_attempts int,
  since timestamptz,
  run_at timestamptz,
  error_code text,
  reason text,
  payload jsonb
) as $$
  select
    j.id::text,
    case
      when j.locked_at is not null then 'running'
      when j.attempts >= j.max_attempts then 'exhausted'
      when j.attempts > 0 then 'failed'
      else 'waiting'
    end,
    t.identifier,
    o.id,
    j.attempts::int,
    j.max_attempts::int,
    j.created_at,
    j.run_at,
    null,
    j.last_error,
    j.payload::jsonb
  from graphile_worker._private_jobs j
  join graphile_worker._private_tasks t on t.id = j.task_id
  left join app_public.organizations o on o.id::text = j.payload ->> 'organizationId'
  union all
  select d.id::text, 'parked', d.task, d.organization_id, d.attempts, null, d.created_at, null, d.error_code, d.reason, d.payload
  from app_public.job_dead_letters d
  where d.resolved_at is null;
$$ language sql stable security definer set search_path to '';

-- Lets a job run at once: a parked one is added to its queue again, with all its attempts. False where there is no such job, or
-- a worker is at it.
create or replace function app_hidden.retry_job(id text) returns boolean as $$
declare
  v_letter app_public.job_dead_letters;
begin
  if retry_job.id ~ '^\d{1,18}$' then
    update graphile_worker._private_jobs j
    set run_at = now(), attempts = least(j.attempts, j.max_attempts - 1)
    where j.id = retry_job.id::bigint and j.locked_at is null;
    return found;
  end if;
  update app_public.job_dead_letters d
  set resolution = 'retried', resolved_at = now()
  where d.id = retry_job.id::uuid and d.resolved_at is null
  returning * into v_letter;
  if not found then
    return false;
  end if;
  perform app_private.add_job(v_letter.task, v_letter.payload, queue_name => v_letter.queue_name);
  return true;
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- Gives a job up for good. A parked one stays on record as dropped; a webhook's event goes, which nothing waits for any more.
-- False where there is no such job, or a worker is at it.
create or replace function app_hidden.drop_job(id text) returns boolean as $$
declare
  v_payload jsonb;
begin
  if drop_job.id ~ '^\d{1,18}$' then
    delete from graphile_worker._private_jobs j
    where j.id = drop_job.id::bigint and j.locked_at is null
    returning j.payload::jsonb into v_payload;
  else
    update app_public.job_dead_letters d
    set resolution = 'dropped', resolved_at = now()
    where d.id = drop_job.id::uuid and d.resolved_at is null
    returning d.payload into v_payload;
  end if;
  if not found then
    return false;
  end if;
  perform app_hidden.finish_webhook(e.id)
  from app_private.webhook_events e
  where e.id::text = v_payload ->> 'webhookEventId' and e.processed_at is null;
  return true;
end;
$$ language plpgsql volatile strict security definer set search_path to '';

grant execute on function app_hidden.list_jobs(), app_hidden.retry_job(text), app_hidden.drop_job(text) to app_worker;

reset role;
--! EndIncluded jobs/operate_jobs.sql
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
    -- Applied events, whose payload went when they were, and those that nobody has settled: they hold names and addresses.
    when 'webhook_events' then
      delete from app_private.webhook_events e
      where e.id in (
        select o.id
        from app_private.webhook_events o
        where coalesce(o.processed_at, o.received_at) < v_before
        limit c_batch
      );
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

--! Included tenancy/my_clinics.sql
set local role app_definer;

-- Clinics in which the person holds one of these roles by an active membership. Nobody holds one by being more elsewhere.
create or replace function app_hidden.clinic_ids_with_role(roles app_public.clinic_role[]) returns setof uuid as $$
declare
  v_user_id uuid := app_hidden.current_user_id();
  v_organization_id uuid := app_hidden.current_organization_id();
  v_clinic_id uuid := app_hidden.current_clinic_id();
begin
  return query
    select m.clinic_id
    from app_public.clinic_memberships m
    join app_public.organization_memberships o
      on o.organization_id = m.organization_id and o.user_id = m.user_id
    join app_public.clinics c on c.id = m.clinic_id
    where m.user_id = v_user_id
    and m.active
    and o.active
    and c.active
    and m.role = any (clinic_ids_with_role.roles)
    and (v_organization_id is null or m.organization_id = v_organization_id)
    and (v_clinic_id is null or m.clinic_id = v_clinic_id);
end;
$$ language plpgsql stable parallel safe security definer set search_path to '';

-- Organizations in one of whose clinics the person treats patients: there, an emergency may open the record of any.
create or replace function app_hidden.treating_organization_ids() returns setof uuid as $$
begin
  return query
    select distinct c.organization_id
    from app_public.clinics c
    where c.id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}')));
end;
$$ language plpgsql stable parallel safe security definer set search_path to '';

-- Clinics that the person runs: as their administrator, or as the organization's.
create or replace function app_hidden.administered_clinic_ids() returns setof uuid as $$
declare
  v_clinic_id uuid := app_hidden.current_clinic_id();
begin
  return query
    select c.id
    from app_public.clinics c
    where c.organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
    and (v_clinic_id is null or c.id = v_clinic_id)
    union
    select app_hidden.clinic_ids_with_role('{clinic_admin}');
end;
$$ language plpgsql stable parallel safe security definer set search_path to '';

-- Clinics whose clinical records the person may read: by a membership of any role. Administrators of the organization
-- are no clinicians, and read only where the organization switched that on; a superadmin must say what for.
create or replace function app_hidden.readable_clinic_ids() returns setof uuid as $$
declare
  v_clinic_id uuid := app_hidden.current_clinic_id();
begin
  -- Asked here and not in a query, which would ask again for each clinic of the installation.
  if app_hidden.is_superadmin() then
    return query
      select app_hidden.clinic_ids_with_role('{clinic_admin,provider,staff,viewer}')
      union
      select c.id
      from app_public.clinics c
      where app_hidden.purpose_of_use() is not null
      and c.organization_id = any (array(select app_hidden.my_organization_ids()))
      and (v_clinic_id is null or c.id = v_clinic_id);
    return;
  end if;
  return query
    select app_hidden.clinic_ids_with_role('{clinic_admin,provider,staff,viewer}')
    union
    select c.id
    from app_public.clinics c
    join app_public.organizations o on o.id = c.organization_id
    where o.administrators_read_clinical
    and c.organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
    and (v_clinic_id is null or c.id = v_clinic_id);
end;
$$ language plpgsql stable parallel safe security definer set search_path to '';

-- Clinics that the person may know of, with or without their records: the ones they work in, the ones they run, the ones
-- that treat them as a patient, and for a superadmin all of them.
create or replace function app_hidden.my_clinic_ids() returns setof uuid as $$
declare
  v_user_id uuid := app_hidden.current_user_id();
  v_clinic_id uuid := app_hidden.current_clinic_id();
begin
  return query
    select app_hidden.clinic_ids_with_role('{clinic_admin,provider,staff,viewer}')
    union
    select app_hidden.administered_clinic_ids()
    union
    select p.home_clinic_id
    from app_public.patients p
    where p.portal_user_id = v_user_id
    and p.deleted_at is null
    and p.organization_id = any (array(select app_hidden.my_organization_ids()))
    and (v_clinic_id is null or p.home_clinic_id = v_clinic_id)
    union
    select c.id
    from app_public.clinics c
    where app_hidden.is_superadmin()
    and c.organization_id = any (array(select app_hidden.my_organization_ids()))
    and (v_clinic_id is null or c.id = v_clinic_id);
end;
$$ language plpgsql stable parallel safe security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_hidden.clinic_ids_with_role(app_public.clinic_role[]),
  app_hidden.treating_organization_ids(),
  app_hidden.administered_clinic_ids(),
  app_hidden.readable_clinic_ids(),
  app_hidden.my_clinic_ids()
to app_user;

reset role;
--! EndIncluded tenancy/my_clinics.sql
--! Included clinical/my_patients.sql
set local role app_definer;

-- Patients the person is, by their own account.
create or replace function app_hidden.my_patient_ids() returns setof uuid as $$
declare
  v_user_id uuid := app_hidden.current_user_id();
begin
  return query
    select p.id
    from app_public.patients p
    where p.portal_user_id = v_user_id
    and p.deleted_at is null;
end;
$$ language plpgsql stable parallel safe security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_hidden.my_patient_ids() to app_user;

reset role;

-- Patients of other clinics of the organization whom one of the person's clinics shares, at least this far. Invoker: the
-- policies of patient_clinic_links decide which links count.
create or replace function app_hidden.shared_patient_ids(accesses app_public.patient_link_access[])
returns setof uuid as $$
  select l.patient_id
  from app_public.patient_clinic_links l
  where l.clinic_id = any (array(select app_hidden.readable_clinic_ids()))
  and l.access = any (shared_patient_ids.accesses);
$$ language sql stable parallel safe set search_path to '';

grant execute on function app_hidden.shared_patient_ids(app_public.patient_link_access[]) to app_user;

-- Patients to whom the person has broken the glass, and whose grant still runs: it ends by this predicate, not by a job, and
-- with the role without which it would not have been made. `offset 0` keeps Postgres from asking for the roles of those who
-- have no grant, who are almost everybody. plpgsql: the table of grants refers to patients and comes after them.
create or replace function app_hidden.break_glass_patient_ids() returns setof uuid as $$
begin
  return query
    select g.patient_id
    from (
      select o.patient_id, o.organization_id
      from app_public.break_glass_grants o
      where o.user_id = (select app_hidden.current_user_id())
      and o.expires_at > now()
      and o.revoked_at is null
      offset 0
    ) as g
    where g.organization_id = any (array(select app_hidden.treating_organization_ids()));
end;
$$ language plpgsql stable parallel safe set search_path to '';

grant execute on function app_hidden.break_glass_patient_ids() to app_user;

-- Care sessions that another clinic shares with one of the person's clinics, one by one.
create or replace function app_hidden.shared_care_session_ids() returns setof uuid as $$
begin
  return query
    select s.care_session_id
    from app_public.resource_shares s
    where s.clinic_id = any (array(select app_hidden.readable_clinic_ids()))
    and s.care_session_id is not null
    and (s.expires_at is null or s.expires_at > now());
end;
$$ language plpgsql stable parallel safe set search_path to '';

grant execute on function app_hidden.shared_care_session_ids() to app_user;
--! EndIncluded clinical/my_patients.sql
--! Included access/break_glass.sql
set local role app_definer;

-- A definer function, because the caller cannot see the patient yet. Only those who treat patients somewhere in the same
-- organization may; an unknown number gets the answer of a missing one. A number is one patient's in one organization only:
-- whoever works in several has to say which one is meant, because a guess would open the record of somebody else.
create or replace function app_public.break_glass(mrn text, reason text, minutes integer = 60)
returns app_public.break_glass_grants as $$
declare
  v_user_id uuid := app_hidden.current_user_id();
  v_patient app_public.patients;
  v_found bigint;
  v_grant app_public.break_glass_grants;
begin
  if length(trim(break_glass.reason)) not between 10 and 1000 then
    raise exception 'Say why in 10 to 1000 characters; somebody will review it.' using errcode = 'BADIN';
  end if;
  if break_glass.minutes not between 5 and 480 then
    raise exception 'Access can be opened for 5 to 480 minutes.' using errcode = 'BADIN';
  end if;
  select p.id, p.organization_id, p.home_clinic_id, count(*) over ()
  into v_patient.id, v_patient.organization_id, v_patient.home_clinic_id, v_found
  from app_public.patients p
  where p.organization_id = any (array(select app_hidden.treating_organization_ids()))
  and p.mrn = break_glass.mrn;
  if v_found > 1 then
    raise exception 'Say which organization: send X-Organization-Id.' using errcode = 'BADIN';
  end if;
  if v_patient.id is null then
    raise exception 'There is no such patient.' using errcode = 'NTFND';
  end if;
  insert into app_public.break_glass_grants (organization_id, patient_id, home_clinic_id, user_id, reason, expires_at)
  values (
    v_patient.organization_id,
    v_patient.id,
    v_patient.home_clinic_id,
    v_user_id,
    trim(break_glass.reason),
    now() + make_interval(mins => break_glass.minutes)
  )
  returning * into v_grant;
  return v_grant;
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_public.break_glass(text, text, integer) to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.break_glass(text, text, integer) is '@argument mrn The patient’s record number.
@argument reason Why it cannot wait, in 10 to 1000 characters. Names no patient.
@argument minutes For how long: 5 to 480 minutes.
Opens the record of a patient of the caller’s organization in an emergency, by record number, for some minutes, and for as long as the caller treats patients there. Where several organizations of the caller know the number, `X-Organization-Id` has to say which one is meant. It is on record, and somebody else must review it.';

reset role;

-- Invoker: the policies of break_glass_grants say who reviews.
create or replace function app_public.review_break_glass(grant_id uuid, note text, revoke boolean = false)
returns app_public.break_glass_grants as $$
declare
  v_grant app_public.break_glass_grants;
begin
  update app_public.break_glass_grants g
  set
    reviewed_at = now(),
    reviewed_by = auth.uid(),
    review_note = nullif(trim(review_break_glass.note), ''),
    revoked_at = case when review_break_glass.revoke then coalesce(g.revoked_at, now()) else g.revoked_at end
  where g.id = review_break_glass.grant_id
  and g.reviewed_at is null
  returning * into v_grant;
  if v_grant.id is null then
    raise exception 'There is no such access waiting for your review.' using errcode = 'NTFND';
  end if;
  return v_grant;
end;
$$ language plpgsql volatile strict set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_public.review_break_glass(uuid, text, boolean) to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.review_break_glass(uuid, text, boolean) is '@argument note What the reviewer thinks of it.
@argument revoke Whether the access ends at once.
Records that somebody else looked at an emergency access, and if wanted ends it. For administrators of the patient’s home clinic or organization.';
--! EndIncluded access/break_glass.sql
--! Included access/access_evidence.sql
-- The facts that a true arm of a policy rests on: for each helper the arm compares a column with, the rows that put the
-- column's value into the helper's set. It decides nothing. Invoker, and about the caller: whoever asks sees facts that their
-- own policies show them. `test/access/whyEvidence.test.ts` takes each fact away and sees the access go.
create or replace function app_hidden.access_evidence(expression text, target_row jsonb) returns jsonb as $$
  with term as (
    select m[1] as column_name, m[2] as helper, ('{' || m[3] || '}')::text[] as arguments,
      (access_evidence.target_row ->> m[1])::uuid as value
    from regexp_matches(
      access_evidence.expression,
      '(\w+) (?:= ANY \(ARRAY|IN|=) ?\(\s*SELECT app_hidden\.(\w+)\((?:''\{?([^'']*?)\}?''::[\w.]+(?:\[\])?)?\)',
      'g'
    ) as m
    union all
    select null, 'is_superadmin', '{}', null where access_evidence.expression ~ 'SELECT app_hidden\.is_superadmin\(\)'
  ),
  -- What each helper rests on. A role list beside it is what counts where the policy names none.
  basis (helper, kind, roles) as (
    values
      ('current_user_id', 'self', null),
      ('is_superadmin', 'superadmin', null),
      ('my_organization_ids', 'organization', '{owner,admin,member,viewer}'),
      ('my_organization_ids', 'patient_of_organization', null),
      ('my_organization_ids', 'superadmin', null),
      ('organization_ids_with_role', 'organization', '{}'),
      ('administered_organization_ids', 'organization', '{owner,admin}'),
      ('metric_organization_ids', 'organization', '{owner,admin}'),
      ('metric_organization_ids', 'superadmin', null),
      ('organization_ids_with_feature', 'feature', null),
      ('clinic_ids_with_role', 'clinic', '{}'),
      ('readable_clinic_ids', 'clinic', '{clinic_admin,provider,staff,viewer}'),
      ('readable_clinic_ids', 'reading_administrator', '{owner,admin}'),
      ('readable_clinic_ids', 'superadmin', null),
      ('administered_clinic_ids', 'clinic', '{clinic_admin}'),
      ('administered_clinic_ids', 'clinic_organization', '{owner,admin}'),
      ('my_clinic_ids', 'clinic', '{clinic_admin,provider,staff,viewer}'),
      ('my_clinic_ids', 'clinic_organization', '{owner,admin}'),
      ('my_clinic_ids', 'patient_of_clinic', null),
      ('my_clinic_ids', 'superadmin', null),
      ('metric_clinic_ids', 'clinic', '{clinic_admin,provider,staff,viewer}'),
      ('metric_clinic_ids', 'clinic_organization', '{owner,admin}'),
      ('metric_clinic_ids', 'superadmin', null),
      ('my_patient_ids', 'patient', null),
      ('shared_patient_ids', 'link', null),
      ('break_glass_patient_ids', 'break_glass', '{clinic_admin,provider}'),
      ('shared_care_session_ids', 'share', null),
      ('shared_report_ids', 'share', null)
  ),
  wanted as (
    select t.column_name, t.arguments, t.value, b.kind,
      case when t.arguments <> '{}' then t.arguments else b.roles::text[] end as roles
    from term t
    join basis b using (helper)
  ),
  -- The clinics of links and shares count by the person's standing there.
  reading as (
    select w.value, l.clinic_id, 'app_public.patient_clinic_links' as source, l.id,
      format('the patient is shared with %s (%s)', c.name, l.access) as fact
    from wanted w
    join app_public.patient_clinic_links l on l.patient_id = w.value and l.access::text = any (w.roles)
    join app_public.clinics c on c.id = l.clinic_id
    where w.kind = 'link' and l.clinic_id = any (array(select app_hidden.readable_clinic_ids()))
    union all
    select w.value, s.clinic_id, 'app_public.resource_shares', s.id,
      format('shared with %s%s', c.name, to_char(s.expires_at at time zone 'UTC', '" until "YYYY-MM-DD HH24:MI" UTC"'))
    from wanted w
    join app_public.resource_shares s on w.value in (s.care_session_id, s.report_id)
    join app_public.clinics c on c.id = s.clinic_id
    where w.kind = 'share' and s.clinic_id = any (array(select app_hidden.readable_clinic_ids()))
    and (s.expires_at is null or s.expires_at > now())
  ),
  in_clinic (clinic_id, roles, kind) as (
    select w.value, w.roles, w.kind
    from wanted w
    where w.kind in ('clinic', 'clinic_organization', 'reading_administrator')
    union all
    select c.id, w.roles, 'clinic'
    from wanted w
    join app_public.break_glass_grants g on g.patient_id = w.value
    join app_public.clinics c on c.organization_id = g.organization_id
    where w.kind = 'break_glass'
    union all
    select r.clinic_id, b.roles::text[], b.kind
    from reading r
    join basis b on b.helper = 'readable_clinic_ids'
  ),
  fact (source, id, fact) as (
    select null, null::uuid, format('%s is the person', w.column_name) from wanted w where w.kind = 'self'
    union all
    select 'app_public.users', u.id, concat('superadmin', ', for the purpose ' || app_hidden.purpose_of_use())
    from app_public.users u
    where u.id = auth.uid() and u.is_superadmin
    and 'superadmin' in (select w.kind from wanted w union all select c.kind from in_clinic c)
    union all
    select 'app_public.organization_memberships', m.id, format('%s of %s', m.role, o.name)
    from wanted w
    join app_public.organization_memberships m on m.organization_id = w.value and m.role::text = any (w.roles)
    join app_public.organizations o on o.id = m.organization_id
    where w.kind = 'organization' and m.user_id = auth.uid() and m.active
    union all
    select 'app_public.clinic_memberships', m.id, format('%s in %s', m.role, c.name)
    from in_clinic i
    join app_public.clinic_memberships m on m.clinic_id = i.clinic_id and m.role::text = any (i.roles)
    join app_public.clinics c on c.id = m.clinic_id
    where i.kind = 'clinic' and m.user_id = auth.uid() and m.active and c.active
    union all
    select 'app_public.organization_memberships', m.id,
      format('%s of %s, which runs %s', m.role, o.name, c.name)
        || case i.kind when 'reading_administrator' then ' and lets its administrators read' else '' end
    from in_clinic i
    join app_public.clinics c on c.id = i.clinic_id
    join app_public.organizations o on o.id = c.organization_id
    join app_public.organization_memberships m on m.organization_id = o.id and m.role::text = any (i.roles)
    where m.user_id = auth.uid() and m.active
    and (i.kind = 'clinic_organization' or (i.kind = 'reading_administrator' and o.administrators_read_clinical))
    union all
    select 'app_public.patients', p.id, 'the patient’s own account'
    from wanted w
    join app_public.patients p on p.portal_user_id = auth.uid() and p.deleted_at is null
    and w.value = case w.kind
      when 'patient' then p.id when 'patient_of_clinic' then p.home_clinic_id when 'patient_of_organization' then p.organization_id
    end
    union all
    select r.source, r.id, r.fact from reading r
    union all
    select 'app_public.break_glass_grants', g.id,
      'opened in an emergency' || to_char(g.expires_at at time zone 'UTC', '", until "YYYY-MM-DD HH24:MI" UTC"')
    from wanted w
    join app_public.break_glass_grants g on g.patient_id = w.value
    where w.kind = 'break_glass' and g.user_id = auth.uid() and g.expires_at > now() and g.revoked_at is null
    union all
    select m[1], null, 'it shows the person a row that matches'
    from regexp_matches(access_evidence.expression, 'EXISTS \(\s*SELECT\s+FROM ([\w.]+)', 'g') as m
    union all
    select null, w.value, format('the organization has the feature %s', array_to_string(w.arguments, ', '))
    from wanted w
    where w.kind = 'feature'
  )
  select jsonb_agg(distinct jsonb_build_object('table', f.source, 'id', f.id, 'fact', f.fact)) from fact f;
$$ language sql stable set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_hidden.access_evidence(text, jsonb) to app_user, app_anonymous;
--! EndIncluded access/access_evidence.sql
--! Included audit/describe_request.sql
-- What one request has in common for all events it makes. Defined once, over the settings' values: a change reads them from
-- its session (describe_request()), and record_events() from what the gateway says of each request.
-- The type is the owner's, as tables are; what reads the settings belongs to app_definer.
do $$
begin
  if to_regtype('app_private.request_facts') is null then
    create type app_private.request_facts as (
      actor_id uuid,
      session_id uuid,
      actor_role text,
      purpose_of_use text,
      request_id text,
      address_hash text,
      device_hash text,
      operation text,
      document_hash text,
      on_behalf_of uuid
    );
  end if;
end
$$;

set local role app_definer;

-- Bodies that are bound when they are created (`return`) need no search_path of their own, so that Postgres can put them
-- into the statement that calls them: a call of its own would cost as much as writing the event.

-- The role a statement was sent under: in a definer function `current_user` would be the function's owner.
create or replace function app_private.acting_role() returns text
language sql stable parallel safe
return coalesce(nullif(current_setting('role', true), 'none'), session_user);

-- What two values of PHI are compared by: HMAC-SHA-256 under the organization's key, cut to 128 bits.
create or replace function app_private.value_hash(key bytea, value jsonb) returns text
language sql immutable parallel safe
return left(
  encode(extensions.hmac(convert_to(coalesce(value_hash.value, 'null')::text, 'UTF8'), value_hash.key, 'sha256'), 'hex'),
  32
);

-- The emergency access to one of these patients that somebody has open: none for almost everybody, and never more than one.
-- It ends as it does in break_glass_patient_ids(). Memberships are read here and not asked for, because that would refuse to
-- speak of somebody whose session has ended since.
create or replace function app_private.open_grants(actor_id uuid, patient_ids uuid[]) returns setof uuid
language sql stable parallel safe rows 1
begin atomic
  select g.id
  from app_public.break_glass_grants g
  where g.user_id = open_grants.actor_id
  and g.patient_id = any (open_grants.patient_ids)
  and g.expires_at > now()
  and g.revoked_at is null
  and exists (
    select from app_public.clinic_memberships m
    join app_public.organization_memberships o on o.organization_id = m.organization_id and o.user_id = m.user_id
    join app_public.clinics c on c.id = m.clinic_id
    where m.organization_id = g.organization_id
    and m.user_id = g.user_id
    and m.role in ('clinic_admin', 'provider')
    and m.active
    and o.active
    and c.active
  )
  order by g.expires_at desc
  limit 1;
end;

-- The hashes are cut to 128 bits: enough to tell addresses apart, and half of what an event would take otherwise. The worker
-- has no identity; whoever asked for the job may have one (src/jobs/tenantTask.ts).
create or replace function app_private.request_facts(
  subject text,
  session text,
  role text,
  purpose text,
  request_id text,
  address text,
  device text,
  operation text,
  document_hash text,
  job_actor text
) returns app_private.request_facts
language sql immutable parallel safe
return row(
  nullif(subject, '')::uuid,
  nullif(session, '')::uuid,
  role,
  nullif(purpose, ''),
  nullif(request_facts.request_id, ''),
  left(nullif(address, ''), 32),
  left(nullif(device, ''), 32),
  left(nullif(request_facts.operation, ''), 100),
  nullif(request_facts.document_hash, ''),
  case when role = 'app_worker' then nullif(job_actor, '')::uuid end
)::app_private.request_facts;

create or replace function app_private.describe_request() returns app_private.request_facts
language sql stable parallel safe
return app_private.request_facts(
  current_setting('jwt.claims.sub', true),
  current_setting('jwt.claims.sid', true),
  coalesce(nullif(current_setting('role', true), 'none'), session_user),
  current_setting('app.purpose_of_use', true),
  current_setting('app.request_id', true),
  current_setting('app.client_address', true),
  current_setting('app.client_device', true),
  current_setting('app.operation', true),
  current_setting('app.document_hash', true),
  current_setting('app.job_actor_id', true)
);

reset role;
--! EndIncluded audit/describe_request.sql
--! Included audit/patients_of_sessions.sql
-- Rows that name a care session and no patient are on record with the session's patient.

set local role app_definer;

-- Organizations whose sessions the audit looks up at this moment. Nobody else can say so: set_config is revoked from the
-- roles of requests, and the gateway forwards no setting of this name.
create or replace function app_private.audited_organization_ids() returns uuid[]
language sql stable parallel safe
return string_to_array(nullif(current_setting('app.audited_organization_ids', true), ''), ',')::uuid[];

-- The patient of each session, by the session's id. Whoever changes a transcript need not see the session: the worker does
-- not, nor does an owner who repairs something.
create or replace function app_private.patients_of_sessions(organization_ids uuid[], session_ids uuid[]) returns jsonb as $$
declare
  v_patients jsonb;
begin
  perform set_config('app.audited_organization_ids', array_to_string(patients_of_sessions.organization_ids, ','), true);
  select jsonb_object_agg(s.id, s.patient_id) into v_patients
  from app_public.care_sessions s
  where s.id = any (patients_of_sessions.session_ids);
  perform set_config('app.audited_organization_ids', '', true);
  return v_patients;
end;
$$ language plpgsql volatile set search_path to '';

reset role;
--! EndIncluded audit/patients_of_sessions.sql
--! Included audit/record_changes.sql
set local role app_definer;

-- One call per statement, however many rows it changed; what is the same for all of them is read once. Arguments: the key
-- column, the column that holds the organization ('' where a table belongs to none), and a third one where the row names its
-- patient by a care session. Values by sensitivity: see audit/column_sensitivities.sql.
-- Each `offset 0` keeps Postgres from merging a subquery into the one around it, where its document would be made anew for
-- each mention of it. Sequential scans are off because the small tables that are read here are cheaper by their keys.
create or replace function app_private.tg__audit() returns trigger as $$
declare
  v_facts app_private.request_facts := app_private.describe_request();
  v_table text := TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME;
  v_key_column text := TG_ARGV[0];
  v_organization_column text := TG_ARGV[1];
  v_patient_column text := case when TG_TABLE_NAME = 'patients' then 'id' else 'patient_id' end;
  -- Whose vault it is: whoever else changes something there does it for them.
  v_owner_column text := case when TG_TABLE_SCHEMA = 'app_vault' then 'user_id' else '' end;
  -- The patients of sessions, where the rows name these.
  v_patients jsonb;
  v_plain text[];
  v_phi text[];
begin
  if TG_NARGS > 2 and TG_OP = 'DELETE' then
    select app_private.patients_of_sessions(array_agg(distinct r.organization_id), array_agg(distinct r.care_session_id))
    into v_patients from old_rows r;
  elsif TG_NARGS > 2 then
    select app_private.patients_of_sessions(array_agg(distinct r.organization_id), array_agg(distinct r.care_session_id))
    into v_patients from new_rows r;
  end if;
  select s.plain, s.phi into v_plain, v_phi from app_audit.column_sensitivities s where s.table_name = v_table;
  if TG_OP = 'UPDATE' then
    insert into app_audit.events (
      organization_id, clinic_id, actor_id, session_id, actor_role, command, table_name, row_id, changed_fields,
      purpose_of_use, request_id, on_behalf_of, address_hash, device_hash, operation, document_hash, grant_id,
      patient_ids, changes
    )
    select r.organization_id, (r.record ->> 'clinic_id')::uuid, v_facts.actor_id, v_facts.session_id, v_facts.actor_role, TG_OP,
      v_table, (r.record ->> v_key_column)::uuid, coalesce(c.fields, '{}'), v_facts.purpose_of_use, v_facts.request_id,
      coalesce(v_facts.on_behalf_of, nullif((r.record ->> v_owner_column)::uuid, v_facts.actor_id)),
      v_facts.address_hash, v_facts.device_hash, v_facts.operation, v_facts.document_hash,
      g.id, array_remove(array[r.patient_id], null),
      nullif(
        case when c.old_values is null then '{}' else jsonb_build_object('old', c.old_values, 'new', c.new_values) end
        || case when c.old_hashes is null then '{}' else jsonb_build_object('oldHash', c.old_hashes, 'newHash', c.new_hashes) end,
        '{}'
      )
    from (
      select p.record, p.before, p.organization_id,
        case
          when v_patients is null then (p.record ->> v_patient_column)::uuid
          else (v_patients ->> (p.record ->> 'care_session_id'))::uuid
        end as patient_id,
        case when cardinality(v_phi) > 0 then (
          select k.key from app_audit.hash_keys k where k.organization_id = p.organization_id
        ) end as hash_key
      from (
        -- A full join cannot be made by comparing each row with each, whatever number of rows the plan was made for.
        select coalesce(n.record, o.record) as record, o.record as before,
          (coalesce(n.record, o.record) ->> v_organization_column)::uuid as organization_id
        from (select to_jsonb(new_row) as record from new_rows as new_row offset 0) as n
        full join (select to_jsonb(old_row) as record from old_rows as old_row offset 0) as o
          on n.record ->> v_key_column = o.record ->> v_key_column
        offset 0
      ) as p
      offset 0
    ) as r
    cross join lateral (
      select
        array_agg(f.key order by f.key) as fields,
        jsonb_object_agg(f.key, f.before) filter (where f.key = any (v_plain)) as old_values,
        jsonb_object_agg(f.key, f.after) filter (where f.key = any (v_plain)) as new_values,
        jsonb_object_agg(f.key, app_private.value_hash(r.hash_key, f.before))
          filter (where r.hash_key is not null and f.key = any (v_phi)) as old_hashes,
        jsonb_object_agg(f.key, app_private.value_hash(r.hash_key, f.after))
          filter (where r.hash_key is not null and f.key = any (v_phi)) as new_hashes
      from (
        select e.key, r.before -> e.key as before, e.value as after
        from jsonb_each(r.record) as e
        where e.value is distinct from r.before -> e.key
        and e.key not in ('updated_at', 'updated_by')
      ) as f
    ) as c
    left join lateral app_private.open_grants(v_facts.actor_id, array[r.patient_id]) as g (id) on true;
  -- A row that is new, or gone: the plain values it had, without those that are null.
  elsif TG_OP = 'INSERT' then
    insert into app_audit.events (
      organization_id, clinic_id, actor_id, session_id, actor_role, command, table_name, row_id, changed_fields,
      purpose_of_use, request_id, on_behalf_of, address_hash, device_hash, operation, document_hash, grant_id,
      patient_ids, changes
    )
    select r.organization_id, (r.record ->> 'clinic_id')::uuid, v_facts.actor_id, v_facts.session_id, v_facts.actor_role, TG_OP,
      v_table, (r.record ->> v_key_column)::uuid, array(select jsonb_object_keys(r.record) as key order by key), v_facts.purpose_of_use, v_facts.request_id,
      coalesce(v_facts.on_behalf_of, nullif((r.record ->> v_owner_column)::uuid, v_facts.actor_id)),
      v_facts.address_hash, v_facts.device_hash, v_facts.operation, v_facts.document_hash,
      g.id, array_remove(array[r.patient_id], null),
      (
        select jsonb_build_object('new', jsonb_object_agg(p.name, r.record -> p.name))
        from unnest(v_plain) as p (name)
        where r.record ? p.name
        having count(*) > 0
      )
    from (
      select s.record, (s.record ->> v_organization_column)::uuid as organization_id,
        case
          when v_patients is null then (s.record ->> v_patient_column)::uuid
          else (v_patients ->> (s.record ->> 'care_session_id'))::uuid
        end as patient_id
      from (select jsonb_strip_nulls(to_jsonb(new_row)) as record from new_rows as new_row offset 0) as s
      offset 0
    ) as r
    left join lateral app_private.open_grants(v_facts.actor_id, array[r.patient_id]) as g (id) on true;
  else
    insert into app_audit.events (
      organization_id, clinic_id, actor_id, session_id, actor_role, command, table_name, row_id, changed_fields,
      purpose_of_use, request_id, on_behalf_of, address_hash, device_hash, operation, document_hash, grant_id,
      patient_ids, changes
    )
    select r.organization_id, (r.record ->> 'clinic_id')::uuid, v_facts.actor_id, v_facts.session_id, v_facts.actor_role, TG_OP,
      v_table, (r.record ->> v_key_column)::uuid, '{}', v_facts.purpose_of_use, v_facts.request_id,
      coalesce(v_facts.on_behalf_of, nullif((r.record ->> v_owner_column)::uuid, v_facts.actor_id)),
      v_facts.address_hash, v_facts.device_hash, v_facts.operation, v_facts.document_hash,
      g.id, array_remove(array[r.patient_id], null),
      (
        select jsonb_build_object('old', jsonb_object_agg(p.name, r.record -> p.name))
        from unnest(v_plain) as p (name)
        where r.record ? p.name
        having count(*) > 0
      )
    from (
      select s.record, (s.record ->> v_organization_column)::uuid as organization_id,
        case
          when v_patients is null then (s.record ->> v_patient_column)::uuid
          else (v_patients ->> (s.record ->> 'care_session_id'))::uuid
        end as patient_id
      from (select jsonb_strip_nulls(to_jsonb(old_row)) as record from old_rows as old_row offset 0) as s
      offset 0
    ) as r
    left join lateral app_private.open_grants(v_facts.actor_id, array[r.patient_id]) as g (id) on true;
  end if;
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '' set enable_seqscan to off;

grant execute on function app_private.tg__audit() to app_owner;

reset role;
--! EndIncluded audit/record_changes.sql
--! Included audit/audit_changes.sql
-- Puts a table on record. Idempotent; ALWAYS, because session_replication_role skips ordinary triggers. Where rows name a care
-- session and no patient, the trigger is told so.
create or replace function app_private.audit_changes(
  target regclass,
  key_column name = 'id',
  organization_column text = 'organization_id'
) returns void as $$
declare
  v_event record;
  v_session_argument text := coalesce((
    select format(', %L', min(a.attname))
    from pg_catalog.pg_attribute a
    where a.attrelid = audit_changes.target and a.attname in ('care_session_id', 'patient_id') and not a.attisdropped
    having array_agg(a.attname) = '{care_session_id}'
  ), '');
begin
  for v_event in
    select *
    from (values
      ('insert', 'referencing new table as new_rows'),
      ('update', 'referencing old table as old_rows new table as new_rows'),
      ('delete', 'referencing old table as old_rows')
    ) as events (command, transition_tables)
  loop
    execute format(
      'create or replace trigger _500_audit_%1$s after %1$s on %2$s %3$s'
      ' for each statement execute function app_private.tg__audit(%4$L, %5$L%6$s)',
      v_event.command,
      audit_changes.target,
      v_event.transition_tables,
      audit_changes.key_column,
      audit_changes.organization_column,
      v_session_argument
    );
    execute format('alter table %s enable always trigger _500_audit_%s', audit_changes.target, v_event.command);
  end loop;
end;
$$ language plpgsql volatile set search_path to '';
--! EndIncluded audit/audit_changes.sql
--! Included scheduling/care_sessions.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.care_sessions');
select app_private.allow_data_role('app_public.care_sessions');

create policy tenant_boundary on app_public.care_sessions
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

create policy select_clinic on app_public.care_sessions
  for select to app_user
  using (
    clinic_id = any (array(select app_hidden.readable_clinic_ids()))
    or patient_id in (select app_hidden.shared_patient_ids('{full_record}'))
    or id in (select app_hidden.shared_care_session_ids())
    or patient_id = any (array(select app_hidden.break_glass_patient_ids()))
    or patient_id = any (array(select app_hidden.my_patient_ids()))
  );

-- Staff organize, providers treat: only these write what happened in a session.
create policy insert_provider on app_public.care_sessions
  for insert to app_user
  with check (
    clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}')))
    and exists (
      select from app_public.patients p
      where p.organization_id = care_sessions.organization_id
      and p.id = care_sessions.patient_id
    )
  );

create policy update_provider on app_public.care_sessions
  for update to app_user
  using (clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))))
  with check (clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))));

-- calculate_metrics() counts them, in the clinics whose figures the caller may have made anew; the audit asks whose they are.
create policy select_definer on app_public.care_sessions
  for select to app_definer
  using (
    clinic_id = any (array(select app_hidden.measured_clinic_ids()))
    or organization_id = any ((select app_private.audited_organization_ids())::uuid[])
  );

grant
  select (
    id, organization_id, clinic_id, patient_id, provider_id, appointment_id, started_at, ended_at, status, kind,
    summary, cost_cents, payer_name, external_id, created_at, updated_at, created_by, updated_by
  ),
  insert (
    organization_id, clinic_id, patient_id, provider_id, appointment_id, started_at, ended_at, status, kind, summary,
    cost_cents, payer_name
  ),
  update (started_at, ended_at, status, kind, summary, cost_cents, payer_name)
on app_public.care_sessions to app_user;
grant select (id, organization_id, clinic_id, patient_id, started_at, status, cost_cents)
on app_public.care_sessions to app_definer;
-- No delete grant: what happened to a patient stays on record.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.care_sessions');
select app_private.audit_changes('app_public.care_sessions');
select app_private.announce_changes('app_public.care_sessions', 'clinic_id');

-- Documentation ---------------------------------------------------------------

comment on table app_public.care_sessions is 'What took place between a patient and a provider.';
comment on column app_public.care_sessions.id is 'The session’s id.';
comment on column app_public.care_sessions.organization_id is 'The organization that runs the clinic.';
comment on column app_public.care_sessions.clinic_id is 'Where it took place.';
comment on column app_public.care_sessions.patient_id is E'@sensitivity phi\nThe patient.';
comment on column app_public.care_sessions.provider_id is 'Who saw the patient.';
comment on column app_public.care_sessions.appointment_id is 'The appointment that led to it, if there was one.';
comment on column app_public.care_sessions.started_at is 'When it started.';
comment on column app_public.care_sessions.ended_at is 'When it ended.';
comment on column app_public.care_sessions.status is E'@isIndexed\nHow it stands.';
comment on column app_public.care_sessions.kind is 'What kind of care it was.';
comment on column app_public.care_sessions.summary is E'@sensitivity phi\nWhat was found and done, in a few words.';
comment on column app_public.care_sessions.cost_cents is 'What was charged, in cents.';
comment on column app_public.care_sessions.payer_name is E'@sensitivity phi\nWho pays.';
comment on column app_public.care_sessions.external_id is 'Its id in the system it was imported from.';
comment on column app_public.care_sessions.created_at is 'When the record was made.';
comment on column app_public.care_sessions.updated_at is 'When the record last changed.';
comment on column app_public.care_sessions.created_by is 'Who made the record.';
comment on column app_public.care_sessions.updated_by is 'Who changed the record last.';
comment on type app_public.care_session_status is '@value planned It has not begun.
@value in_progress It is going on.
@value completed It is over.
How a care session stands.';
comment on constraint care_sessions_provider_fkey on app_public.care_sessions is E'@fieldName provider\n@foreignFieldName careSessions';
--! EndIncluded scheduling/care_sessions.sql
--! Included access/resource_shares.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.resource_shares');
select app_private.allow_data_role('app_public.resource_shares');

create policy tenant_boundary on app_public.resource_shares
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

create policy select_clinic on app_public.resource_shares
  for select to app_user
  using (
    clinic_id = any (array(select app_hidden.readable_clinic_ids()))
    or owner_clinic_id = any (array(select app_hidden.readable_clinic_ids()))
  );

create policy insert_owner_provider on app_public.resource_shares
  for insert to app_user
  with check (owner_clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))));

create policy update_owner_provider on app_public.resource_shares
  for update to app_user
  using (owner_clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))))
  with check (owner_clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))));

create policy delete_owner_provider on app_public.resource_shares
  for delete to app_user
  using (owner_clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))));

-- The monthly cleanup (jobs/clean_up.sql); that it was shared stays in the audit.
create policy select_expired_definer on app_public.resource_shares
  for select to app_definer
  using (expires_at < now() - interval '90 days');
create policy delete_expired_definer on app_public.resource_shares
  for delete to app_definer
  using (expires_at < now() - interval '90 days');

grant select (id, expires_at), delete on app_public.resource_shares to app_definer;
grant
  select (
    id, organization_id, owner_clinic_id, clinic_id, care_session_id, report_id, expires_at, created_at, updated_at,
    created_by, updated_by
  ),
  insert (organization_id, owner_clinic_id, clinic_id, care_session_id, report_id, expires_at),
  update (expires_at),
  delete
on app_public.resource_shares to app_user;

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.resource_shares');
select app_private.audit_changes('app_public.resource_shares');

-- Documentation ---------------------------------------------------------------

comment on table app_public.resource_shares is
  E'@behavior -insert -update\nThat a clinic shows one care session or one report to another clinic of the organization.';
comment on column app_public.resource_shares.id is 'The share’s id.';
comment on column app_public.resource_shares.organization_id is 'The organization of both clinics.';
comment on column app_public.resource_shares.owner_clinic_id is 'The clinic that shares.';
comment on column app_public.resource_shares.clinic_id is 'The clinic it is shared with.';
comment on column app_public.resource_shares.care_session_id is 'The care session, if it is one.';
comment on column app_public.resource_shares.report_id is 'The report, if it is one.';
comment on column app_public.resource_shares.expires_at is 'When sharing ends by itself; null if it does not.';
comment on column app_public.resource_shares.created_at is 'When sharing began.';
comment on column app_public.resource_shares.updated_at is 'When the share last changed.';
comment on column app_public.resource_shares.created_by is 'Who shared it.';
comment on column app_public.resource_shares.updated_by is 'Who changed the share last.';
--! EndIncluded access/resource_shares.sql
--! Included practice/session_transcripts.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.session_transcripts');
select app_private.allow_data_role('app_public.session_transcripts');

create policy tenant_boundary on app_public.session_transcripts
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

-- The clinic sees its transcripts as they grow. Whoever sees the session for another reason (the patient, a clinic it
-- is shared with) sees them when they are final; the subquery is under the policies of care_sessions.
create policy select_session on app_public.session_transcripts
  for select to app_user
  using (
    clinic_id = any (array(select app_hidden.readable_clinic_ids()))
    or (
      status = 'final'
      and exists (
        select from app_public.care_sessions s
        where s.organization_id = session_transcripts.organization_id
        and s.id = session_transcripts.care_session_id
      )
    )
  );

create policy insert_provider on app_public.session_transcripts
  for insert to app_user
  with check (clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))));

create policy update_provider on app_public.session_transcripts
  for update to app_user
  using (clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))))
  with check (clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))));

grant
  select (
    id, organization_id, clinic_id, care_session_id, language, status, segments, created_at, updated_at, created_by,
    updated_by
  ),
  insert (organization_id, clinic_id, care_session_id, language, segments),
  update (language, status, segments)
on app_public.session_transcripts to app_user;
-- No delete grant: what was said stays on record. No update of the session: it would be said somewhere else.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.session_transcripts');
select app_private.audit_changes('app_public.session_transcripts');

create or replace function app_private.tg_session_transcripts__keep_final() returns trigger as $$
begin
  raise exception 'A final transcript does not change any more.' using errcode = 'CNFLT';
end;
$$ language plpgsql volatile set search_path to '';

create or replace trigger _300_keep_final
  before update on app_public.session_transcripts
  for each row
  when (OLD.status = 'final')
  execute function app_private.tg_session_transcripts__keep_final();

-- Documentation ---------------------------------------------------------------

comment on table app_public.session_transcripts is
  E'@behavior -insert\nWhat was said in a care session. See `writeTranscript` and `finalizeTranscript`.';
comment on column app_public.session_transcripts.id is 'The transcript’s id.';
comment on column app_public.session_transcripts.organization_id is 'The organization that runs the clinic.';
comment on column app_public.session_transcripts.clinic_id is 'The clinic of the session.';
comment on column app_public.session_transcripts.care_session_id is 'The session.';
comment on column app_public.session_transcripts.language is 'The language spoken, such as `en` or `fr-CA`.';
comment on column app_public.session_transcripts.status is
  E'@behavior -attribute:update\nA draft can change and is seen by the clinic only; a final one stays as it is.';
comment on column app_public.session_transcripts.segments is
  E'@sensitivity phi\nWhat was said, in order: a list of `{startMs, endMs, speaker, text}`.';
comment on column app_public.session_transcripts.created_at is 'When it was begun.';
comment on column app_public.session_transcripts.updated_at is 'When it last changed.';
comment on column app_public.session_transcripts.created_by is 'Who began it.';
comment on column app_public.session_transcripts.updated_by is 'Who changed it last.';
comment on type app_public.transcript_status is '@value draft It is still being written.
@value final It stays as it is.
How far a transcript is.';
--! EndIncluded practice/session_transcripts.sql
--! Included scheduling/appointments.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.appointments');
select app_private.allow_data_role('app_public.appointments');

create policy tenant_boundary on app_public.appointments
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

create policy select_clinic on app_public.appointments
  for select to app_user
  using (
    clinic_id = any (array(select app_hidden.readable_clinic_ids()))
    or patient_id in (select app_hidden.shared_patient_ids('{full_record}'))
    or patient_id = any (array(select app_hidden.break_glass_patient_ids()))
    or patient_id = any (array(select app_hidden.my_patient_ids()))
  );

-- The patient must be one that the caller sees: a clinic cannot book a patient who is not shared with it.
create policy insert_staff on app_public.appointments
  for insert to app_user
  with check (
    clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider,staff}')))
    and exists (
      select from app_public.patients p
      where p.organization_id = appointments.organization_id
      and p.id = appointments.patient_id
    )
  );

create policy update_staff on app_public.appointments
  for update to app_user
  using (clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider,staff}'))))
  with check (clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider,staff}'))));

-- calculate_metrics() counts them, in the clinics whose figures the caller may have made anew.
create policy select_definer on app_public.appointments
  for select to app_definer
  using (clinic_id = any (array(select app_hidden.measured_clinic_ids())));

create policy select_worker on app_public.appointments
  for select to app_worker
  using (organization_id = (select app_hidden.current_organization_id()));

grant
  select (
    id, organization_id, clinic_id, patient_id, provider_id, during, starts_at, ends_at, status, kind, reason,
    cancelled_reason, external_id, created_at, updated_at, created_by, updated_by
  ),
  insert (organization_id, clinic_id, patient_id, provider_id, during, kind, reason),
  update (during, status, kind, reason, cancelled_reason)
on app_public.appointments to app_user;
-- Not whose they are: what a job reads of patients as the worker would be on no record.
grant select (id, organization_id, clinic_id, provider_id, status, updated_at, updated_by)
on app_public.appointments to app_worker;
grant select (organization_id, clinic_id, starts_at, status) on app_public.appointments to app_definer;
-- No delete grant: a cancelled appointment stays on record. No update of the patient or the provider: that would be
-- another appointment.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.appointments');
select app_private.audit_changes('app_public.appointments');
select app_private.announce_changes('app_public.appointments', 'clinic_id');

create or replace function app_private.tg_appointments__keep_final() returns trigger as $$
begin
  raise exception 'An appointment that is completed, cancelled or missed does not change any more.'
    using errcode = 'CNFLT';
end;
$$ language plpgsql volatile set search_path to '';

create or replace trigger _300_keep_final
  before update of during, status, cancelled_reason on app_public.appointments
  for each row
  when (
    OLD.status in ('completed', 'cancelled', 'no_show')
    and (
      NEW.status is distinct from OLD.status
      or NEW.during is distinct from OLD.during
      or NEW.cancelled_reason is distinct from OLD.cancelled_reason
    )
  )
  execute function app_private.tg_appointments__keep_final();

-- Documentation ---------------------------------------------------------------

comment on table app_public.appointments is
  E'@behavior -insert -update\nA time that a patient has with a provider. A provider has one at a time, wherever in the organization.';
comment on column app_public.appointments.id is 'The appointment’s id.';
comment on column app_public.appointments.organization_id is 'The organization that runs the clinic.';
comment on column app_public.appointments.clinic_id is 'Where it takes place.';
comment on column app_public.appointments.patient_id is E'@sensitivity phi\nThe patient.';
comment on column app_public.appointments.provider_id is 'Who sees the patient.';
comment on column app_public.appointments.during is 'From when (inclusive) until when (exclusive).';
comment on column app_public.appointments.starts_at is 'When it starts.';
comment on column app_public.appointments.ends_at is 'When it ends.';
comment on column app_public.appointments.status is E'@isIndexed\nHow it stands.';
comment on column app_public.appointments.kind is 'What kind of visit it is.';
comment on column app_public.appointments.reason is E'@sensitivity phi\nWhy the patient comes.';
comment on column app_public.appointments.cancelled_reason is E'@sensitivity phi\nWhy it was cancelled.';
comment on column app_public.appointments.external_id is 'Its id in the system it was imported from.';
comment on column app_public.appointments.created_at is 'When it was booked.';
comment on column app_public.appointments.updated_at is 'When it last changed.';
comment on column app_public.appointments.created_by is 'Who booked it.';
comment on column app_public.appointments.updated_by is 'Who changed it last.';
comment on type app_public.appointment_status is '@value booked The time is reserved.
@value arrived The patient is there.
@value completed The visit is over.
@value cancelled It does not take place; the time is free again.
@value no_show The patient did not come.
How an appointment stands; the last three are final.';
comment on constraint appointments_provider_fkey on app_public.appointments is E'@fieldName provider\n@foreignFieldName appointments';
--! EndIncluded scheduling/appointments.sql
--! Included scheduling/change_appointment.sql
create or replace function app_public.reschedule_appointment(
  appointment_id uuid,
  starts_at timestamptz,
  ends_at timestamptz
) returns app_public.appointments as $$
declare
  v_appointment app_public.appointments;
begin
  if reschedule_appointment.ends_at <= reschedule_appointment.starts_at then
    raise exception 'An appointment ends after it starts.' using errcode = 'BADIN';
  end if;
  update app_public.appointments a
  set during = tstzrange(reschedule_appointment.starts_at, reschedule_appointment.ends_at)
  where a.id = reschedule_appointment.appointment_id
  returning * into v_appointment;
  if v_appointment.id is null then
    raise exception 'There is no such appointment.' using errcode = 'NTFND';
  end if;
  return v_appointment;
exception
  when exclusion_violation then
    raise exception 'The provider already has an appointment in that time.' using errcode = 'OVRLP';
end;
$$ language plpgsql volatile strict set search_path to '';

create or replace function app_public.cancel_appointment(appointment_id uuid, reason text = '')
returns app_public.appointments as $$
declare
  v_appointment app_public.appointments;
begin
  -- Locked, so that of two who cancel it the second is told; and so that it is found by those only who may change it.
  select * into v_appointment
  from app_public.appointments a
  where a.id = cancel_appointment.appointment_id
  for update;
  if v_appointment.id is null then
    raise exception 'There is no such appointment.' using errcode = 'NTFND';
  end if;
  if v_appointment.status = 'cancelled' then
    raise exception 'The appointment is cancelled already, with the reason that is on record.' using errcode = 'CNFLT';
  end if;
  update app_public.appointments a
  set status = 'cancelled', cancelled_reason = nullif(trim(cancel_appointment.reason), '')
  where a.id = v_appointment.id
  returning * into v_appointment;
  return v_appointment;
end;
$$ language plpgsql volatile strict set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_public.reschedule_appointment(uuid, timestamptz, timestamptz),
  app_public.cancel_appointment(uuid, text)
to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.reschedule_appointment(uuid, timestamptz, timestamptz) is '@argument starts_at When it starts now.
@argument ends_at When it ends now.
Moves an appointment to another time.';
comment on function app_public.cancel_appointment(uuid, text) is '@argument reason Why, as it stands on record.
Cancels an appointment. It stays on record, and its time is free again.';
--! EndIncluded scheduling/change_appointment.sql
--! Included vault/wrapped_keys.sql
-- Access ----------------------------------------------------------------------

select app_private.close_vault('app_vault.wrapped_keys');

create policy select_owner on app_vault.wrapped_keys
  for select to app_user
  using (user_id = (select app_hidden.current_user_id()));

-- Nothing is wrapped for a device that was retired or revoked; the trigger below says so of one that is ending just now.
create policy insert_owner on app_vault.wrapped_keys
  for insert to app_user
  with check (
    user_id = (select app_hidden.current_user_id())
    and device_key_id in (select k.id from app_vault.device_keys k where k.state = 'active')
  );

create policy delete_owner on app_vault.wrapped_keys
  for delete to app_user
  using (user_id = (select app_hidden.current_user_id()));

grant
  select (id, user_id, device_key_id, key_id, ephemeral_key, nonce, ciphertext, created_at, updated_at),
  insert (device_key_id, key_id, ephemeral_key, nonce, ciphertext),
  delete
on app_vault.wrapped_keys to app_user;
-- No update grant: a key that is wrapped anew is a new row.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_vault.wrapped_keys');
select app_private.audit_changes('app_vault.wrapped_keys', 'id', '');

-- The policy sees the device as it was when the statement began, and the foreign key asks whether there is one, not how it
-- stands. This asks how it stands now. While its lock is held, whoever ends the device waits, and then removes this row as well.
create or replace function app_private.tg_wrapped_keys__require_active() returns trigger as $$
begin
  perform from app_vault.device_keys k
  where k.user_id = NEW.user_id
  and k.id = NEW.device_key_id
  and k.state = 'active'
  for share;
  if not found then
    raise exception 'The device key has just been retired or revoked.' using errcode = 'CNFLT';
  end if;
  return null;
end;
$$ language plpgsql volatile set search_path to '';

create or replace trigger _300_require_active
  after insert on app_vault.wrapped_keys
  for each row
  execute function app_private.tg_wrapped_keys__require_active();

-- Documentation ---------------------------------------------------------------

comment on table app_vault.wrapped_keys is
  E'@behavior -resource:aggregates -resource:groupedAggregates\nA data key, encrypted to one device of its owner with X25519, HKDF-SHA-256 and AES-256-GCM.';
comment on column app_vault.wrapped_keys.id is 'The wrapped key’s id.';
comment on column app_vault.wrapped_keys.user_id is 'Whose key it is.';
comment on column app_vault.wrapped_keys.device_key_id is 'The device that can unwrap it.';
comment on column app_vault.wrapped_keys.key_id is 'The data key, by the id that envelopes name.';
comment on column app_vault.wrapped_keys.ephemeral_key is 'X25519 public key, made for this wrap alone.';
comment on column app_vault.wrapped_keys.nonce is '12 bytes.';
comment on column app_vault.wrapped_keys.ciphertext is 'The 32 bytes of the data key and the tag of 16.';
comment on column app_vault.wrapped_keys.created_at is 'When the key was wrapped.';
comment on column app_vault.wrapped_keys.updated_at is 'When it last changed.';
comment on type app_vault.key_wrap is 'A data key as it is handed in, encrypted to a new device.';
comment on column app_vault.key_wrap.key_id is 'The data key.';
comment on column app_vault.key_wrap.ephemeral_key is 'X25519 public key, made for this wrap alone.';
comment on column app_vault.key_wrap.nonce is '12 bytes.';
comment on column app_vault.key_wrap.ciphertext is 'The encrypted data key.';
--! EndIncluded vault/wrapped_keys.sql
--! Included practice/write_export.sql
-- What the job `export__write` asks as the person who wants the export. Invoker functions: the policies of export_requests
-- decide at each step whether that person still may, and the records are those that they may read at that moment.

-- The request, now being worked on; no row when there is nothing (any more) to be written. One that is ready stays so.
create or replace function app_hidden.begin_export(export_id uuid)
returns table (status app_public.export_status, format app_public.export_format) as $$
begin
  update app_public.export_requests r
  set status = 'running', row_count = 0
  where r.id = begin_export.export_id
  and r.created_by = app_hidden.current_user_id()
  and r.status in ('requested', 'running', 'failed')
  and r.expires_at > now();
  return query
    select r.status, r.format
    from app_public.export_requests r
    where r.id = begin_export.export_id
    and r.created_by = app_hidden.current_user_id()
    and r.clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}')))
    and r.status in ('running', 'ready')
    and r.expires_at > now();
end;
$$ language plpgsql volatile strict set search_path to '';

-- False when the export was withdrawn, or the person has left the clinic.
create or replace function app_hidden.note_export_progress(export_id uuid, row_count int) returns boolean as $$
begin
  update app_public.export_requests r
  set row_count = note_export_progress.row_count
  where r.id = note_export_progress.export_id
  and r.created_by = app_hidden.current_user_id()
  and r.status = 'running';
  return found;
end;
$$ language plpgsql volatile strict set search_path to '';

-- False as above.
create or replace function app_hidden.finish_export(
  export_id uuid,
  row_count int,
  byte_count bigint,
  content_sha256 text
) returns boolean as $$
begin
  update app_public.export_requests r
  set status = 'ready', row_count = finish_export.row_count, byte_count = finish_export.byte_count,
    content_sha256 = finish_export.content_sha256, formatted_at = clock_timestamp()
  where r.id = finish_export.export_id
  and r.created_by = app_hidden.current_user_id()
  and r.status = 'running';
  return found;
end;
$$ language plpgsql volatile strict set search_path to '';

create or replace function app_hidden.fail_export(export_id uuid) returns void as $$
begin
  update app_public.export_requests r
  set status = 'failed', row_count = null
  where r.id = fail_export.export_id
  and r.created_by = app_hidden.current_user_id()
  and r.status = 'running';
end;
$$ language plpgsql volatile strict set search_path to '';

-- For the person who asked for it: what to send them, and on record that it was fetched. The gateway opens the file before it
-- commits (src/exports/takeFile.ts): what cannot be sent was not fetched.
create or replace function app_hidden.take_export(export_id uuid)
returns table (
  kind app_public.export_kind,
  format app_public.export_format,
  byte_count bigint,
  content_sha256 text,
  formatted_at timestamptz
) as $$
begin
  return query
    update app_public.export_requests r
    set download_count = r.download_count + 1, downloaded_at = clock_timestamp()
    where r.id = take_export.export_id
    and r.created_by = app_hidden.current_user_id()
    and r.status = 'ready'
    and r.expires_at > now()
    returning r.kind, r.format, r.byte_count, r.content_sha256, r.formatted_at;
end;
$$ language plpgsql volatile strict set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_hidden.begin_export(uuid),
  app_hidden.note_export_progress(uuid, int),
  app_hidden.finish_export(uuid, int, bigint, text),
  app_hidden.fail_export(uuid),
  app_hidden.take_export(uuid)
to app_user;
--! EndIncluded practice/write_export.sql
--! Included practice/export_links.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_private.export_links');
create policy all_definer on app_private.export_links to app_definer using (true) with check (true);
-- Nothing updates a link; a right to is what a lock takes.
grant
  select,
  insert (
    token_hash, organization_id, export_id, report_id, report_format, user_id, session_id, identity_issuer,
    identity_subject, expires_at
  ),
  update (expires_at),
  delete
on app_private.export_links to app_definer;

-- Functions -------------------------------------------------------------------

do $$
begin
  if to_regtype('app_public.export_link') is null then
    create type app_public.export_link as (path text, expires_at timestamptz);
  end if;
end
$$;

set local role app_definer;

-- A link of the caller's, in this session, to one file. The token is 256 random bits and lives for five minutes. It opens
-- nothing by itself: each use of it asks again as that person.
create or replace function app_private.make_export_link(
  organization_id uuid,
  export_id uuid,
  report_id uuid,
  report_format app_public.report_format
) returns app_public.export_link as $$
declare
  v_token text := encode(extensions.gen_random_bytes(32), 'hex');
  v_link app_public.export_link := row('/exports/' || v_token, now() + interval '5 minutes');
begin
  delete from app_private.export_links l
  where l.token_hash in (
    select e.token_hash
    from app_private.export_links e
    where e.expires_at <= now()
    order by e.expires_at
    limit 10
    for update skip locked
  );
  insert into app_private.export_links (
    token_hash, organization_id, export_id, report_id, report_format, user_id, session_id, identity_issuer,
    identity_subject, expires_at
  )
  values (
    sha256(convert_to(v_token, 'UTF8')),
    make_export_link.organization_id,
    make_export_link.export_id,
    make_export_link.report_id,
    make_export_link.report_format,
    app_hidden.current_user_id(),
    app_hidden.current_session_id(),
    nullif(current_setting('app.identity_issuer', true), ''),
    nullif(current_setting('app.identity_subject', true), ''),
    v_link.expires_at
  );
  return v_link;
end;
$$ language plpgsql volatile set search_path to '';

-- Definer, because a request writes no links; it makes one for the caller's own export only.
create or replace function app_public.create_export_link(export_id uuid) returns app_public.export_link as $$
declare
  v_organization_id uuid;
begin
  select r.organization_id into v_organization_id
  from app_public.export_requests r
  where r.id = create_export_link.export_id
  and r.created_by = app_hidden.current_user_id()
  and r.clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}')))
  and r.status = 'ready'
  and r.expires_at > now();
  if v_organization_id is null then
    raise exception 'There is no such export to be fetched.' using errcode = 'NTFND';
  end if;
  return app_private.make_export_link(v_organization_id, create_export_link.export_id, null, null);
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- Definer for the same reason. Who may see the report is not asked here: metrics/write_report.sql asks it under row
-- security before a link is made, and again whenever one is followed.
create or replace function app_hidden.link_report(
  organization_id uuid,
  report_id uuid,
  format app_public.report_format
) returns app_public.export_link as $$
begin
  return app_private.make_export_link(link_report.organization_id, null, link_report.report_id, link_report.format);
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- It answers more columns than it did.
drop function if exists app_hidden.find_export_link(text);

-- Whose link it is, and to what; no row for one that is unknown or over. It opens nothing: the gateway goes on as that person.
create or replace function app_hidden.find_export_link(token text)
returns table (
  export_id uuid, report_id uuid, report_format app_public.report_format, user_id uuid, session_id uuid,
  identity_issuer text, identity_subject text
) as $$
  select
    l.export_id, l.report_id, l.report_format, l.user_id, l.session_id, l.identity_issuer, l.identity_subject
  from app_private.export_links l
  where l.token_hash = sha256(convert_to(find_export_link.token, 'UTF8'))
  and l.expires_at > now();
$$ language sql stable strict security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_public.create_export_link(uuid),
  app_hidden.link_report(uuid, uuid, app_public.report_format)
to app_user;
grant execute on function app_hidden.find_export_link(text) to app_anonymous;

-- Documentation ---------------------------------------------------------------

comment on function app_public.create_export_link(uuid) is '@argument export_id The uuid (rowId) of the export.
Makes a link by which the caller fetches an export that is ready: for five minutes, and while they may.';

reset role;

comment on type app_public.export_link is 'Where an export, or a report’s file, can be fetched for a short time.';
comment on column app_public.export_link.path is 'The path at this gateway: the caller’s alone, a secret until it has expired.';
comment on column app_public.export_link.expires_at is 'Until when.';
comment on table app_private.export_links is
  'Links to fetch an export or a report’s file by: who made them in which session, and SHA-256 of their tokens.';
--! EndIncluded practice/export_links.sql

--! split: 2-unproven-addresses.sql
-- What outside issuers have not proven was kept until now, and its owner could not register. Whoever signs in by an issuer
-- only does without; whoever has a password here signs in with the address, proven or not.
set local role app_definer;
update app_public.users u
set email = null
where u.email is not null
and u.email_verified_at is null
and not u.is_superadmin
and exists (select from app_private.user_identities i where i.user_id = u.id)
and not exists (select from app_private.password_hashes h where h.user_id = u.id);
reset role;
