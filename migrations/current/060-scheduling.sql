do $$
begin
  if to_regtype('app_public.appointment_status') is null then
    create type app_public.appointment_status as enum ('booked', 'arrived', 'completed', 'cancelled', 'no_show');
  end if;
  if to_regtype('app_public.care_session_status') is null then
    create type app_public.care_session_status as enum ('planned', 'in_progress', 'completed');
  end if;
end
$$;

create table if not exists app_public.appointments (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null default app_hidden.default_organization_id(),
  clinic_id uuid not null default app_hidden.default_clinic_id(),
  patient_id uuid not null,
  provider_id uuid not null,
  during tstzrange not null,
  starts_at timestamptz not null generated always as (lower(during)) stored,
  ends_at timestamptz not null generated always as (upper(during)) stored,
  status app_public.appointment_status not null default 'booked',
  kind text not null default 'visit',
  reason text,
  cancelled_reason text,
  external_id text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  unique (organization_id, id),
  unique (organization_id, external_id),
  unique (organization_id, clinic_id, patient_id, id),
  foreign key (organization_id, clinic_id) references app_public.clinics (organization_id, id) on delete restrict,
  foreign key (organization_id, patient_id) references app_public.patients (organization_id, id) on delete restrict,
  constraint appointments_provider_fkey foreign key (organization_id, clinic_id, provider_id)
    references app_public.clinic_memberships (organization_id, clinic_id, user_id) on delete restrict,
  constraint appointments_during_is_a_slot check (
    not isempty(during) and lower_inc(during) and not upper_inc(during) and upper(during) - lower(during) <= '7 days'
  ),
  constraint appointments_only_cancelled_has_reason check (cancelled_reason is null or status = 'cancelled'),
  constraint appointments_no_overlap exclude using gist (
    organization_id with =, provider_id with =, during with &&
  ) where (status not in ('cancelled', 'no_show'))
);
create index if not exists appointments_organization_id_clinic_id_starts_at_idx
  on app_public.appointments (organization_id, clinic_id, starts_at desc, id desc);
create index if not exists appointments_organization_id_patient_id_idx
  on app_public.appointments (organization_id, patient_id, starts_at desc, id desc);
create index if not exists appointments_organization_id_provider_id_idx
  on app_public.appointments (organization_id, clinic_id, provider_id, starts_at);
create index if not exists appointments_organization_id_starts_at_idx
  on app_public.appointments (organization_id, starts_at desc, id desc);

create table if not exists app_public.care_sessions (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null default app_hidden.default_organization_id(),
  clinic_id uuid not null default app_hidden.default_clinic_id(),
  patient_id uuid not null,
  provider_id uuid not null,
  appointment_id uuid,
  started_at timestamptz not null,
  ended_at timestamptz,
  status app_public.care_session_status not null default 'planned',
  kind text not null default 'visit',
  summary text,
  cost_cents bigint,
  payer_name text,
  external_id text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  unique (organization_id, id),
  unique (organization_id, external_id),
  unique (organization_id, clinic_id, id),
  foreign key (organization_id, clinic_id) references app_public.clinics (organization_id, id) on delete restrict,
  foreign key (organization_id, patient_id) references app_public.patients (organization_id, id) on delete restrict,
  constraint care_sessions_appointment_fkey foreign key (organization_id, clinic_id, patient_id, appointment_id)
    references app_public.appointments (organization_id, clinic_id, patient_id, id) on delete restrict,
  constraint care_sessions_provider_fkey foreign key (organization_id, clinic_id, provider_id)
    references app_public.clinic_memberships (organization_id, clinic_id, user_id) on delete restrict,
  constraint care_sessions_ended_after_start check (ended_at >= started_at),
  constraint care_sessions_completed_has_end check (status <> 'completed' or ended_at is not null),
  constraint care_sessions_cost_is_positive check (cost_cents >= 0)
);
create index if not exists care_sessions_organization_id_clinic_id_started_at_idx
  on app_public.care_sessions (organization_id, clinic_id, started_at desc, id desc);
create index if not exists care_sessions_organization_id_patient_id_idx
  on app_public.care_sessions (organization_id, patient_id, started_at desc, id desc);
create index if not exists care_sessions_organization_id_provider_id_idx
  on app_public.care_sessions (organization_id, clinic_id, provider_id, started_at);
create index if not exists care_sessions_organization_id_appointment_id_idx
  on app_public.care_sessions (organization_id, clinic_id, patient_id, appointment_id);
create index if not exists care_sessions_organization_id_started_at_idx
  on app_public.care_sessions (organization_id, started_at desc, id desc);

--!include scheduling/appointments.sql
--!include scheduling/treating_provider.sql
--!include scheduling/inside_opening_hours.sql
--!include scheduling/care_sessions.sql
--!include scheduling/appointment_fields.sql
--!include scheduling/book_appointment.sql
--!include scheduling/change_appointment.sql
