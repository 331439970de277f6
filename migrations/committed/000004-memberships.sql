--! Previous: sha1:c407a4ad89371083d23e84e2f47eb75e1f2d4808
--! Hash: sha1:730a16ce3eeec9183e2ff2e7f54577322d0bbde5
--! Message: memberships

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 035-memberships.sql
-- Who belongs where, and how they come; the tables are in the migration before.

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
-- one raises themselves and the last owner cannot leave.
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

-- The helpers look up the caller's own memberships and nobody else's; seats are counted over everybody of one organization.
create policy select_definer on app_public.organization_memberships
  for select to app_definer
  using (user_id = (select auth.uid()) or organization_id = (select app_hidden.seat_scope()));

-- create_organization() and accept_invitation() make the caller a member.
create policy insert_definer on app_public.organization_memberships
  for insert to app_definer
  with check (user_id = (select auth.uid()));
create policy update_definer on app_public.organization_memberships
  for update to app_definer
  using (user_id = (select auth.uid()))
  with check (user_id = (select auth.uid()));

grant
  select (id, organization_id, user_id, role, active, created_at, updated_at, created_by, updated_by),
  update (role, active)
on app_public.organization_memberships to app_user;
grant select, insert (organization_id, user_id, role), update (role, active)
on app_public.organization_memberships to app_definer;
-- No insert grant: people become members by invitation. No delete grant: a membership that ends becomes inactive, so that
-- what the person did stays attributable.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.organization_memberships');

-- Documentation ---------------------------------------------------------------

comment on table app_public.organization_memberships is
  'That a person belongs to an organization, and as what. Everybody sees their own; owners and admins see all.';
comment on column app_public.organization_memberships.id is 'The membership’s id.';
comment on column app_public.organization_memberships.organization_id is 'The organization.';
comment on column app_public.organization_memberships.user_id is 'The person.';
comment on column app_public.organization_memberships.role is 'What the person is there.';
comment on column app_public.organization_memberships.active is
  'Whether it counts. Access ends with the next statement after this turns false.';
comment on column app_public.organization_memberships.created_at is 'When the person joined.';
comment on column app_public.organization_memberships.updated_at is 'When the membership last changed.';
comment on column app_public.organization_memberships.created_by is 'Who made it.';
comment on column app_public.organization_memberships.updated_by is 'Who changed it last.';
--! EndIncluded tenancy/organization_memberships.sql
--! Included tenancy/clinic_memberships.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.clinic_memberships');
select app_private.allow_data_role('app_public.clinic_memberships');

create policy tenant_boundary on app_public.clinic_memberships
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

-- Everybody of a clinic, its patients included, knows who works there.
create policy select_clinic on app_public.clinic_memberships
  for select to app_user
  using (
    clinic_id = any (array(select app_hidden.my_clinic_ids()))
    or user_id = (select app_hidden.current_user_id())
  );

-- Nobody brings themselves into a clinic's records, except the owner of a practice, who answers for it anyway.
create policy insert_administrator on app_public.clinic_memberships
  for insert to app_user
  with check (
    clinic_id = any (array(select app_hidden.administered_clinic_ids()))
    and (
      user_id <> (select app_hidden.current_user_id())
      or organization_id = any (array(select app_hidden.organization_ids_with_role('{owner}')))
    )
  );

create policy update_administrator on app_public.clinic_memberships
  for update to app_user
  using (
    clinic_id = any (array(select app_hidden.administered_clinic_ids()))
    and (
      user_id <> (select app_hidden.current_user_id())
      or organization_id = any (array(select app_hidden.organization_ids_with_role('{owner}')))
    )
  )
  with check (
    clinic_id = any (array(select app_hidden.administered_clinic_ids()))
    and (
      user_id <> (select app_hidden.current_user_id())
      or organization_id = any (array(select app_hidden.organization_ids_with_role('{owner}')))
    )
  );

-- The helpers look up the caller's own memberships; accept_invitation() makes the caller a member.
create policy select_definer on app_public.clinic_memberships
  for select to app_definer
  using (user_id = (select auth.uid()));
create policy insert_definer on app_public.clinic_memberships
  for insert to app_definer
  with check (user_id = (select auth.uid()));
create policy update_definer on app_public.clinic_memberships
  for update to app_definer
  using (user_id = (select auth.uid()))
  with check (user_id = (select auth.uid()));

create policy select_worker on app_public.clinic_memberships
  for select to app_worker
  using (organization_id = (select app_hidden.current_organization_id()));

grant
  select (
    id, organization_id, clinic_id, user_id, role, display_name, speciality, active, created_at, updated_at, created_by,
    updated_by
  ),
  insert (organization_id, clinic_id, user_id, role, display_name, speciality),
  update (role, display_name, speciality, active)
on app_public.clinic_memberships to app_user;
grant select, insert (organization_id, clinic_id, user_id, role, display_name), update (role, active)
on app_public.clinic_memberships to app_definer;
grant select (id, organization_id, clinic_id, user_id, role, active) on app_public.clinic_memberships to app_worker;
-- No delete grant: what the person did there stays attributable; the membership becomes inactive.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.clinic_memberships');

-- Documentation ---------------------------------------------------------------

comment on table app_public.clinic_memberships is
  'That a person works in a clinic, and as what. This, and nothing else, opens the clinic’s records to them.';
comment on column app_public.clinic_memberships.id is 'The membership’s id.';
comment on column app_public.clinic_memberships.organization_id is 'The organization that runs the clinic.';
comment on column app_public.clinic_memberships.clinic_id is 'The clinic.';
comment on column app_public.clinic_memberships.user_id is 'The person.';
comment on column app_public.clinic_memberships.role is 'What the person is there.';
comment on column app_public.clinic_memberships.display_name is 'The name colleagues and patients know the person by here.';
comment on column app_public.clinic_memberships.speciality is 'What the person practises, for providers.';
comment on column app_public.clinic_memberships.active is
  'Whether it counts. Access ends with the next statement after this turns false.';
comment on column app_public.clinic_memberships.created_at is 'When the person joined.';
comment on column app_public.clinic_memberships.updated_at is 'When the membership last changed.';
comment on column app_public.clinic_memberships.created_by is 'Who made it.';
comment on column app_public.clinic_memberships.updated_by is 'Who changed it last.';
--! EndIncluded tenancy/clinic_memberships.sql
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

-- accept_invitation() looks a code up before it is known whose it is, and marks it as used by the caller.
create policy select_definer on app_public.invitations
  for select to app_definer
  using (true);
create policy update_definer on app_public.invitations
  for update to app_definer
  using (true)
  with check (accepted_by = (select auth.uid()));

grant
  select (
    id, organization_id, clinic_id, email, organization_role, clinic_role, expires_at, accepted_at, accepted_by,
    revoked_at, created_at, updated_at, created_by, updated_by
  ),
  insert (organization_id, clinic_id, email, organization_role, clinic_role, code_hash, expires_at),
  update (revoked_at)
on app_public.invitations to app_user;
grant select, update (accepted_at, accepted_by) on app_public.invitations to app_definer;
-- The hash of the code is written and never read by a request.

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
comment on column app_public.invitations.expires_at is 'Until when it can be accepted.';
comment on column app_public.invitations.accepted_at is 'When it was accepted.';
comment on column app_public.invitations.accepted_by is 'Who accepted it.';
comment on column app_public.invitations.revoked_at is 'When it was taken back.';
comment on column app_public.invitations.created_at is 'When it was made.';
comment on column app_public.invitations.updated_at is 'When it last changed.';
comment on column app_public.invitations.created_by is 'Who made it.';
comment on column app_public.invitations.updated_by is 'Who changed it last.';
--! EndIncluded tenancy/invitations.sql
--! Included tenancy/create_organization.sql
set local role app_definer;

-- A definer function, because the first membership of an organization cannot be made by one of its owners.
create or replace function app_public.create_organization(name text, slug text) returns app_public.organizations as $$
declare
  v_organization app_public.organizations;
begin
  if app_hidden.current_user_id() is null then
    raise exception 'Sign in first.' using errcode = 'UNAUT';
  end if;
  begin
    insert into app_public.organizations (name, slug)
    values (trim(create_organization.name), lower(create_organization.slug))
    returning * into v_organization;
  exception
    when unique_violation then
      raise exception 'This slug is taken.' using errcode = 'TAKEN';
  end;
  insert into app_public.organization_memberships (organization_id, user_id, role)
  values (v_organization.id, auth.uid(), 'owner');
  return v_organization;
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_public.create_organization(text, text) to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.create_organization(text, text) is '@argument name What people call it.
@argument slug A short name for addresses, unique in this installation.
Creates an organization and makes the caller its owner.';

reset role;
--! EndIncluded tenancy/create_organization.sql
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
Invites somebody by e-mail into an organization, and if a clinic is named, into that clinic. For owners and admins.';
comment on type app_public.invitation_grant is 'A new invitation with its code, which is shown this once.';
comment on column app_public.invitation_grant.invitation_id is 'The invitation.';
comment on column app_public.invitation_grant.code is 'What the invited person hands to `acceptInvitation`.';
comment on column app_public.invitation_grant.expires_at is 'Until when it can be accepted.';
--! EndIncluded tenancy/invite_member.sql
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
  where i.code_hash = sha256(convert_to(accept_invitation.code, 'UTF8'))
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
--! Included tenancy/viewer_fields.sql
-- What the caller may do in a clinic or an organization, by the same helpers as the policies.

create or replace function app_public.clinics_viewer_can_administer(clinic app_public.clinics) returns boolean as $$
  select clinic.id = any (array(select app_hidden.administered_clinic_ids()));
$$ language sql stable parallel safe set search_path to '';

create or replace function app_public.clinics_viewer_can_read_records(clinic app_public.clinics) returns boolean as $$
  select clinic.id = any (array(select app_hidden.readable_clinic_ids()));
$$ language sql stable parallel safe set search_path to '';

create or replace function app_public.clinics_viewer_can_book(clinic app_public.clinics) returns boolean as $$
  select clinic.id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider,staff}')));
$$ language sql stable parallel safe set search_path to '';

create or replace function app_public.organizations_viewer_can_administer(organization app_public.organizations)
returns boolean as $$
  select organization.id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')));
$$ language sql stable parallel safe set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_public.clinics_viewer_can_administer(app_public.clinics),
  app_public.clinics_viewer_can_read_records(app_public.clinics),
  app_public.clinics_viewer_can_book(app_public.clinics),
  app_public.organizations_viewer_can_administer(app_public.organizations)
to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.clinics_viewer_can_administer(app_public.clinics) is 'Whether the caller runs the clinic.';
comment on function app_public.clinics_viewer_can_read_records(app_public.clinics) is
  'Whether the caller may read the clinic’s clinical records.';
comment on function app_public.clinics_viewer_can_book(app_public.clinics) is
  'Whether the caller may book appointments in the clinic.';
comment on function app_public.organizations_viewer_can_administer(app_public.organizations) is
  'Whether the caller runs the organization.';
--! EndIncluded tenancy/viewer_fields.sql
--! Included tenancy/asked_functions.sql
-- The names under which the askers know these checks (R58–R60). Each is a question about the caller.

create or replace function app_public.get_user_clinics() returns setof app_public.clinics as $$
  select c.* from app_public.clinics c where c.id = any (array(select app_hidden.my_clinic_ids())) order by c.name, c.id;
$$ language sql stable parallel safe set search_path to '';

create or replace function app_public.has_clinic_access(clinic_id uuid) returns boolean as $$
  select exists (
    select from app_hidden.readable_clinic_ids() as c where c = has_clinic_access.clinic_id
  );
$$ language sql stable parallel safe set search_path to '';

create or replace function app_public.check_clinic_access(clinic_id uuid) returns boolean as $$
  select app_public.has_clinic_access(check_clinic_access.clinic_id);
$$ language sql stable parallel safe set search_path to '';

create or replace function app_public.is_clinic_admin(clinic_id uuid) returns boolean as $$
  select exists (
    select from app_hidden.administered_clinic_ids() as c where c = is_clinic_admin.clinic_id
  );
$$ language sql stable parallel safe set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_public.get_user_clinics(),
  app_public.has_clinic_access(uuid),
  app_public.check_clinic_access(uuid),
  app_public.is_clinic_admin(uuid)
to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.get_user_clinics() is
  E'@name my_clinics\nThe clinics the caller works in, runs, or is treated by.';
comment on function app_public.has_clinic_access(uuid) is 'Whether the caller may read the clinic’s clinical records.';
comment on function app_public.check_clinic_access(uuid) is
  E'@behavior -queryField\nAnother name of has_clinic_access, kept for SQL that was written for it.';
comment on function app_public.is_clinic_admin(uuid) is 'Whether the caller runs the clinic.';
--! EndIncluded tenancy/asked_functions.sql
--! Included tenancy/asked_views.sql
-- The names under which the askers know the memberships (R2, R7, R31). For SQL; the API has the tables themselves.

create or replace view app_public.memberships with (security_invoker = true) as
  select m.id, m.user_id, m.clinic_id, m.role, m.active, m.created_at, m.updated_at
  from app_public.clinic_memberships m;

create or replace view app_public.user_clinic_roles with (security_invoker = true) as
  select m.user_id, m.organization_id, m.clinic_id, m.role
  from app_public.clinic_memberships m
  where m.active;

create or replace view app_public.organization_members with (security_invoker = true) as
  select m.id, m.organization_id, m.user_id, m.role, m.active
  from app_public.organization_memberships m;

-- Access ----------------------------------------------------------------------

revoke all on app_public.memberships, app_public.user_clinic_roles, app_public.organization_members from app_user;
grant select (id, user_id, clinic_id, role, active, created_at, updated_at) on app_public.memberships to app_user;
grant select (user_id, organization_id, clinic_id, role) on app_public.user_clinic_roles to app_user;
grant select (id, organization_id, user_id, role, active) on app_public.organization_members to app_user;

-- Documentation ---------------------------------------------------------------

comment on view app_public.memberships is E'@behavior -*\nclinic_memberships under its askers’ name.';
comment on view app_public.user_clinic_roles is E'@behavior -*\nThe active clinic_memberships under their askers’ name.';
comment on view app_public.organization_members is E'@behavior -*\norganization_memberships under its askers’ name.';
--! EndIncluded tenancy/asked_views.sql
