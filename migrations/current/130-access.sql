create table if not exists app_public.break_glass_grants (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null references app_public.organizations on delete restrict,
  patient_id uuid not null,
  home_clinic_id uuid not null,
  user_id uuid not null references app_public.users on delete restrict,
  reason text not null,
  expires_at timestamptz not null,
  revoked_at timestamptz,
  reviewed_at timestamptz,
  reviewed_by uuid references app_public.users on delete restrict,
  review_note text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  unique (organization_id, id),
  foreign key (organization_id, patient_id, home_clinic_id)
    references app_public.patients (organization_id, id, home_clinic_id) on delete restrict,
  constraint break_glass_grants_reason_says_something check (length(trim(reason)) between 10 and 1000),
  constraint break_glass_grants_is_short check (expires_at <= created_at + interval '8 hours'),
  constraint break_glass_grants_review_is_whole check (
    (reviewed_at is null) = (reviewed_by is null) and (review_note is null or reviewed_at is not null)
  ),
  constraint break_glass_grants_reviewed_by_another check (reviewed_by <> user_id)
);
create index if not exists break_glass_grants_organization_id_created_at_idx
  on app_public.break_glass_grants (organization_id, created_at desc, id desc);
create index if not exists break_glass_grants_organization_id_patient_id_idx
  on app_public.break_glass_grants (organization_id, patient_id, home_clinic_id);
create index if not exists break_glass_grants_user_id_expires_at_idx
  on app_public.break_glass_grants (user_id, expires_at);
create index if not exists break_glass_grants_reviewed_by_idx
  on app_public.break_glass_grants (reviewed_by) where reviewed_by is not null;

create table if not exists app_public.resource_shares (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null references app_public.organizations on delete restrict,
  owner_clinic_id uuid not null,
  clinic_id uuid not null,
  care_session_id uuid,
  report_id uuid,
  expires_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  unique (organization_id, id),
  unique (organization_id, clinic_id, care_session_id),
  unique (organization_id, clinic_id, report_id),
  foreign key (organization_id, clinic_id) references app_public.clinics (organization_id, id) on delete restrict,
  -- Holds the owning clinic to the record's own.
  constraint resource_shares_care_session_fkey foreign key (organization_id, owner_clinic_id, care_session_id)
    references app_public.care_sessions (organization_id, clinic_id, id) on delete cascade,
  constraint resource_shares_report_fkey foreign key (organization_id, owner_clinic_id, report_id)
    references app_public.reports (organization_id, clinic_id, id) on delete cascade,
  constraint resource_shares_names_one_resource check (num_nonnulls(care_session_id, report_id) = 1),
  constraint resource_shares_goes_elsewhere check (clinic_id <> owner_clinic_id)
);
create index if not exists resource_shares_organization_id_care_session_id_idx
  on app_public.resource_shares (organization_id, owner_clinic_id, care_session_id);
create index if not exists resource_shares_organization_id_report_id_idx
  on app_public.resource_shares (organization_id, owner_clinic_id, report_id);
create index if not exists resource_shares_clinic_id_idx on app_public.resource_shares (clinic_id);

--!include access/break_glass_grants.sql
--!include access/break_glass.sql
--!include access/resource_shares.sql
--!include access/share_resource.sql
