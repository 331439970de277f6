--! Previous: sha1:139bb3449894a6c1cb4011ba703f21c383dcfcd0
--! Hash: sha1:337bcc518875a8220b75983cfdb984b02961391b
--! Message: joining

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 037-joining.sql
-- How people come to belong somewhere, and what they ask about it.

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
