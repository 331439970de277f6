--! Previous: sha1:a22038af1b2c7e69af591083003b85cd1200ec49
--! Hash: sha1:5561709321f441f8edecbd34541a4192cad27a50
--! Message: tenancy

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 030-tenancy.sql
do $$
begin
  if to_regtype('app_public.organization_role') is null then
    create type app_public.organization_role as enum ('owner', 'admin', 'member', 'viewer');
  end if;
  if to_regtype('app_public.clinic_role') is null then
    create type app_public.clinic_role as enum ('clinic_admin', 'provider', 'staff', 'viewer');
  end if;
end
$$;

create table if not exists app_public.organizations (
  id uuid primary key default app_hidden.uuid_v7(),
  name text not null,
  slug text not null unique,
  settings jsonb not null default '{}',
  administrators_read_clinical boolean not null default false,
  clerk_org_id text unique,
  external_id text unique,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  constraint organizations_name_is_short check (length(name) between 1 and 200),
  constraint organizations_slug_is_normal check (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' and length(slug) <= 100),
  constraint organizations_settings_is_object check (jsonb_typeof(settings) = 'object')
);

-- Default: the organization a request names, or the only one its person has anything to do with.
--! Included tenancy/defaults.sql
-- A client that works in one place never sends its tenant: the request's header names it, or there is only one.

create or replace function app_hidden.default_organization_id() returns uuid as $$
begin
  return coalesce(
    app_hidden.current_organization_id(),
    (
      select min(o::text)::uuid
      from app_hidden.my_organization_ids() as o
      having count(*) = 1
    )
  );
end;
$$ language plpgsql stable parallel safe set search_path to '';

create or replace function app_hidden.default_clinic_id() returns uuid as $$
begin
  return coalesce(
    app_hidden.current_clinic_id(),
    (
      select min(c::text)::uuid
      from app_hidden.readable_clinic_ids() as c
      having count(*) = 1
    )
  );
end;
$$ language plpgsql stable parallel safe set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_hidden.default_organization_id(),
  app_hidden.default_clinic_id()
to app_user;
--! EndIncluded tenancy/defaults.sql

create table if not exists app_public.clinics (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null default app_hidden.default_organization_id()
    references app_public.organizations on delete restrict,
  name text not null,
  timezone text not null default 'America/Toronto',
  locale app_public.locale not null default 'en_CA',
  opening_hours jsonb,
  active boolean not null default true,
  external_id text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  unique (organization_id, id),
  unique (organization_id, name),
  unique (organization_id, external_id),
  constraint clinics_name_is_short check (length(name) between 1 and 200)
);

create table if not exists app_public.organization_memberships (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null default app_hidden.default_organization_id()
    references app_public.organizations on delete cascade,
  user_id uuid not null references app_public.users on delete restrict,
  role app_public.organization_role not null,
  active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  unique (organization_id, user_id)
);
create index if not exists organization_memberships_user_id_idx on app_public.organization_memberships (user_id);

create table if not exists app_public.clinic_memberships (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null default app_hidden.default_organization_id(),
  clinic_id uuid not null default app_hidden.default_clinic_id(),
  user_id uuid not null,
  role app_public.clinic_role not null,
  display_name text not null,
  speciality text,
  active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  unique (organization_id, clinic_id, user_id),
  foreign key (organization_id, clinic_id) references app_public.clinics (organization_id, id) on delete restrict,
  foreign key (organization_id, user_id)
    references app_public.organization_memberships (organization_id, user_id) on delete restrict,
  constraint clinic_memberships_display_name_is_short check (length(display_name) between 1 and 200)
);
create index if not exists clinic_memberships_user_id_idx on app_public.clinic_memberships (user_id);
create index if not exists clinic_memberships_organization_id_user_id_idx
  on app_public.clinic_memberships (organization_id, user_id);

create table if not exists app_public.invitations (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null default app_hidden.default_organization_id()
    references app_public.organizations on delete cascade,
  clinic_id uuid,
  email text not null,
  organization_role app_public.organization_role not null,
  clinic_role app_public.clinic_role,
  code_hash bytea not null unique,
  expires_at timestamptz not null,
  accepted_at timestamptz,
  accepted_by uuid,
  revoked_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  unique (organization_id, id),
  foreign key (organization_id, clinic_id) references app_public.clinics (organization_id, id) on delete cascade,
  constraint invitations_email_is_normal check (email = lower(email)),
  constraint invitations_clinic_has_role check ((clinic_id is null) = (clinic_role is null))
);
create index if not exists invitations_organization_id_clinic_id_idx
  on app_public.invitations (organization_id, clinic_id);
create index if not exists invitations_organization_id_created_at_idx
  on app_public.invitations (organization_id, created_at desc, id);

--! Included tenancy/my_organizations.sql
set local role app_definer;

-- Policies compare with these as `= any (array(select …()))`: evaluated once per statement, and usable with an index.
-- Every one of them narrows to the organization that the request names, and never widens beyond memberships.

-- Organizations in which the person has any standing: as a member, as a patient, or as the operator's superadmin.
create or replace function app_hidden.my_organization_ids() returns setof uuid as $$
declare
  v_user_id uuid := app_hidden.current_user_id();
  v_organization_id uuid := app_hidden.current_organization_id();
begin
  if app_hidden.is_superadmin() then
    return query
      select o.id from app_public.organizations o
      where v_organization_id is null or o.id = v_organization_id;
    return;
  end if;
  return query
    select m.organization_id
    from app_public.organization_memberships m
    where m.user_id = v_user_id
    and m.active
    and (v_organization_id is null or m.organization_id = v_organization_id)
    union
    select p.organization_id
    from app_public.patients p
    where p.portal_user_id = v_user_id
    and p.deleted_at is null
    and (v_organization_id is null or p.organization_id = v_organization_id);
end;
$$ language plpgsql stable parallel safe security definer set search_path to '';

-- Organizations in which the person holds one of these roles by an active membership. A superadmin holds none of them: the
-- operator looks into every organization and runs nobody's.
create or replace function app_hidden.organization_ids_with_role(roles app_public.organization_role[])
returns setof uuid as $$
declare
  v_user_id uuid := app_hidden.current_user_id();
  v_organization_id uuid := app_hidden.current_organization_id();
begin
  return query
    select m.organization_id
    from app_public.organization_memberships m
    where m.user_id = v_user_id
    and m.active
    and m.role = any (organization_ids_with_role.roles)
    and (v_organization_id is null or m.organization_id = v_organization_id);
end;
$$ language plpgsql stable parallel safe security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_hidden.my_organization_ids(),
  app_hidden.organization_ids_with_role(app_public.organization_role[])
to app_user;

reset role;
--! EndIncluded tenancy/my_organizations.sql
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
  return query
    select app_hidden.clinic_ids_with_role('{clinic_admin,provider,staff,viewer}')
    union
    select c.id
    from app_public.clinics c
    join app_public.organizations o on o.id = c.organization_id
    where (v_clinic_id is null or c.id = v_clinic_id)
    and case
      when app_hidden.is_superadmin() then
        app_hidden.purpose_of_use() is not null
        and c.organization_id = any (array(select app_hidden.my_organization_ids()))
      else
        o.administrators_read_clinical
        and c.organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
    end;
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
  app_hidden.administered_clinic_ids(),
  app_hidden.readable_clinic_ids(),
  app_hidden.my_clinic_ids()
to app_user;

reset role;
--! EndIncluded tenancy/my_clinics.sql
--! Included tenancy/measured_clinics.sql
set local role app_definer;

-- Clinics whose figures the caller may have calculated anew: a person those they run or organize, a job those of its
-- organization, an import those of the organizations it declared. Viewers look on, and a superadmin changes nothing.
create or replace function app_hidden.measured_clinic_ids() returns setof uuid as $$
begin
  case app_private.acting_role()
    when 'app_user' then
      return query
        select app_hidden.administered_clinic_ids()
        union
        select app_hidden.clinic_ids_with_role('{clinic_admin,provider,staff}');
    when 'app_worker' then
      return query
        select c.id from app_public.clinics c where c.organization_id = app_hidden.current_organization_id();
    when 'app_data' then
      return query
        select c.id from app_public.clinics c where c.organization_id = any (app_hidden.data_scope());
    else
      return;
  end case;
end;
$$ language plpgsql stable parallel safe security definer set search_path to '';

-- Clinics whose metrics the person may read. Figures are no clinical content: who runs the organization sees them
-- without working in the clinic, and a superadmin without a purpose of use; a patient of the clinic does not.
create or replace function app_hidden.metric_clinic_ids() returns setof uuid as $$
declare
  v_clinic_id uuid := app_hidden.current_clinic_id();
begin
  return query
    select app_hidden.clinic_ids_with_role('{clinic_admin,provider,staff,viewer}')
    union
    select app_hidden.administered_clinic_ids()
    union
    select c.id
    from app_public.clinics c
    where app_hidden.is_superadmin()
    and c.organization_id = any (array(select app_hidden.my_organization_ids()))
    and (v_clinic_id is null or c.id = v_clinic_id);
end;
$$ language plpgsql stable parallel safe security definer set search_path to '';

-- Organizations whose totals the person may read; none while the request names a clinic, which narrows it to that.
create or replace function app_hidden.metric_organization_ids() returns setof uuid as $$
begin
  if app_hidden.current_clinic_id() is not null then
    return;
  end if;
  return query
    select app_hidden.organization_ids_with_role('{owner,admin}')
    union
    select o from app_hidden.my_organization_ids() as o where app_hidden.is_superadmin();
end;
$$ language plpgsql stable parallel safe security definer set search_path to '';

-- Organizations that the person runs as a whole: none while the request names a clinic.
create or replace function app_hidden.administered_organization_ids() returns setof uuid as $$
begin
  if app_hidden.current_clinic_id() is not null then
    return;
  end if;
  return query select app_hidden.organization_ids_with_role('{owner,admin}');
end;
$$ language plpgsql stable parallel safe security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_hidden.metric_clinic_ids(),
  app_hidden.metric_organization_ids(),
  app_hidden.administered_organization_ids()
to app_user;
-- No grant on measured_clinic_ids(): only calculate_metrics() and the policies it reads under ask.

reset role;
--! EndIncluded tenancy/measured_clinics.sql
--! Included tenancy/organizations.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.organizations');
select app_private.allow_data_role('app_public.organizations', 'id');

create policy tenant_boundary on app_public.organizations
  as restrictive to app_user
  using (id = any (array(select app_hidden.my_organization_ids())))
  with check (id = any (array(select app_hidden.my_organization_ids())));

create policy select_member on app_public.organizations
  for select to app_user
  using (id = any (array(select app_hidden.my_organization_ids())));

create policy update_administrator on app_public.organizations
  for update to app_user
  using (id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}'))))
  with check (id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}'))));

-- The helpers list a superadmin's organizations, and create_organization() makes one.
create policy select_definer on app_public.organizations
  for select to app_definer
  using (true);
create policy insert_definer on app_public.organizations
  for insert to app_definer
  with check (created_by = auth.uid());

-- A job knows its organization.
create policy select_worker on app_public.organizations
  for select to app_worker
  using (id = (select app_hidden.current_organization_id()));

grant
  select (
    id, name, slug, settings, administrators_read_clinical, external_id, created_at, updated_at, created_by, updated_by
  ),
  update (name, slug, settings, administrators_read_clinical)
on app_public.organizations to app_user;
grant select, insert (name, slug) on app_public.organizations to app_definer;
grant select (id, name, settings) on app_public.organizations to app_worker;
-- No insert grant: create_organization() also makes the caller its owner. No delete grant: patients' records hang on it.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.organizations');

-- An admin would otherwise open the clinical records to themselves.
create or replace function app_private.tg_organizations__owner_opens_records() returns trigger as $$
begin
  if NEW.id <> all (array(select app_hidden.organization_ids_with_role('{owner}'))) then
    raise exception 'Only an owner decides whether administrators read clinical records.' using errcode = 'DENYD';
  end if;
  return NEW;
end;
$$ language plpgsql volatile set search_path to '';

create or replace trigger _300_owner_opens_records
  before update of administrators_read_clinical on app_public.organizations
  for each row
  when (NEW.administrators_read_clinical and not OLD.administrators_read_clinical and current_user = 'app_user')
  execute function app_private.tg_organizations__owner_opens_records();

-- Documentation ---------------------------------------------------------------

comment on table app_public.organizations is
  'A customer: one legal body that runs one or more clinics. Nothing of one organization is visible to another.';
comment on column app_public.organizations.id is 'The organization’s id; send it as `X-Organization-Id` to work in it.';
comment on column app_public.organizations.name is 'What people call it.';
comment on column app_public.organizations.slug is 'Its name in addresses: lower-case letters, digits and hyphens.';
comment on column app_public.organizations.settings is 'Preferences of the organization, as one JSON object.';
comment on column app_public.organizations.administrators_read_clinical is
  'Whether owners and admins read clinical records without being a member of the clinic. Off unless switched on.';
comment on column app_public.organizations.clerk_org_id is 'Its id at Clerk.';
comment on column app_public.organizations.external_id is 'Its id in the system it was imported from.';
comment on column app_public.organizations.created_at is 'When it was created.';
comment on column app_public.organizations.updated_at is 'When it last changed.';
comment on column app_public.organizations.created_by is 'Who created it.';
comment on column app_public.organizations.updated_by is 'Who changed it last.';
comment on type app_public.organization_role is '@value owner Decides everything, other owners included.
@value admin Runs the organization’s clinics and people.
@value member Belongs to it; clinic memberships say where.
@value viewer Reads what the organization is made of.
What a person is in an organization: owners and admins run it, members work in it, viewers look on.';
--! EndIncluded tenancy/organizations.sql
