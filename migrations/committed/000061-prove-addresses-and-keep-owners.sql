--! Previous: sha1:07dc8390f5fca56667aa6e878687949d73108323
--! Hash: sha1:cfee964cca3205f1f20da36df29bca905424dcf0
--! Message: prove-addresses-and-keep-owners

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
