do $$
begin
  if to_regtype('app_public.patient_sex') is null then
    create type app_public.patient_sex as enum ('female', 'male', 'other', 'unknown');
  end if;
  if to_regtype('app_public.patient_link_access') is null then
    create type app_public.patient_link_access as enum ('demographics', 'full_record');
  end if;
end
$$;

create table if not exists app_public.patients (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null default app_hidden.default_organization_id()
    references app_public.organizations on delete restrict,
  home_clinic_id uuid not null default app_hidden.default_clinic_id(),
  mrn text not null,
  given_name text not null,
  family_name text not null,
  birth_date date not null,
  death_date date,
  sex app_public.patient_sex not null default 'unknown',
  phone text,
  email text,
  address text,
  city text,
  region text,
  postal_code text,
  portal_user_id uuid references app_public.users on delete set null,
  external_id text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  deleted_at timestamptz,
  unique (organization_id, id),
  unique (organization_id, mrn),
  unique (organization_id, external_id),
  unique (organization_id, id, home_clinic_id),
  foreign key (organization_id, home_clinic_id) references app_public.clinics (organization_id, id) on delete restrict,
  constraint patients_mrn_is_short check (length(mrn) between 1 and 64),
  constraint patients_names_are_short check (length(given_name) <= 200 and length(family_name) between 1 and 200),
  constraint patients_died_after_birth check (death_date >= birth_date)
);
create index if not exists patients_organization_id_name_idx
  on app_public.patients (organization_id, family_name, given_name, id);
create index if not exists patients_organization_id_home_clinic_id_idx
  on app_public.patients (organization_id, home_clinic_id);
create index if not exists patients_organization_id_birth_date_idx
  on app_public.patients (organization_id, birth_date, id);
create index if not exists patients_portal_user_id_idx
  on app_public.patients (portal_user_id) where portal_user_id is not null;

create table if not exists app_public.patient_clinic_links (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null default app_hidden.default_organization_id(),
  clinic_id uuid not null,
  patient_id uuid not null,
  home_clinic_id uuid not null,
  access app_public.patient_link_access not null default 'demographics',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  unique (organization_id, clinic_id, patient_id),
  foreign key (organization_id, clinic_id) references app_public.clinics (organization_id, id) on delete restrict,
  -- Holds the copy of the home clinic to the patient's own, so that policies need not look the patient up.
  foreign key (organization_id, patient_id, home_clinic_id)
    references app_public.patients (organization_id, id, home_clinic_id) on delete restrict,
  constraint patient_clinic_links_goes_elsewhere check (clinic_id <> home_clinic_id)
);
create index if not exists patient_clinic_links_organization_id_patient_id_idx
  on app_public.patient_clinic_links (organization_id, patient_id, home_clinic_id);
create index if not exists patient_clinic_links_organization_id_home_clinic_id_idx
  on app_public.patient_clinic_links (organization_id, home_clinic_id);

--!include clinical/my_patients.sql
--!include clinical/patient_clinic_links.sql
--!include clinical/patients.sql
--!include clinical/patient_fields.sql
--!include clinical/link_patient_to_clinic.sql
--!include clinical/archive_patient.sql
