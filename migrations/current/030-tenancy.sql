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
--!include tenancy/defaults.sql

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

--!include tenancy/my_organizations.sql
--!include tenancy/my_clinics.sql
--!include tenancy/measured_clinics.sql
--!include tenancy/organizations.sql
--!include tenancy/opening_hours.sql
--!include tenancy/clinics.sql
--!include tenancy/organization_memberships.sql
--!include tenancy/clinic_memberships.sql
--!include tenancy/invitations.sql
--!include tenancy/create_organization.sql
--!include tenancy/invite_member.sql
--!include tenancy/accept_invitation.sql
--!include tenancy/viewer_fields.sql
--!include tenancy/asked_functions.sql
--!include tenancy/asked_views.sql
