--! Previous: sha1:e648392ad4ae86f73a86075e072df02ade4122b1
--! Hash: sha1:af4f5f5891f3cf50c7326a4e93c292a9d4c8d783
--! Message: scheduling

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 060-scheduling.sql
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
grant select (
  id, organization_id, clinic_id, patient_id, provider_id, status, updated_at, updated_by
) on app_public.appointments to app_worker;
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
  before update of during, status on app_public.appointments
  for each row
  when (
    OLD.status in ('completed', 'cancelled', 'no_show')
    and (NEW.status is distinct from OLD.status or NEW.during is distinct from OLD.during)
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
--! Included scheduling/treating_provider.sql
-- Whoever has left a clinic, or never treated anybody there, gets no new time with a patient. Imports bring history as it was.
create or replace function app_private.tg_appointments__needs_treating_provider() returns trigger as $$
begin
  if not exists (
    select from app_public.clinic_memberships m
    where m.organization_id = NEW.organization_id
    and m.clinic_id = NEW.clinic_id
    and m.user_id = NEW.provider_id
    and m.active
    and m.role in ('clinic_admin', 'provider')
  ) then
    raise exception 'There is no such provider in this clinic.' using errcode = 'NTFND';
  end if;
  return NEW;
end;
$$ language plpgsql volatile set search_path to '';

-- Triggers --------------------------------------------------------------------

create or replace trigger _300_needs_treating_provider
  before insert or update of during on app_public.appointments
  for each row
  when (NEW.status = 'booked' and current_user <> 'app_data')
  execute function app_private.tg_appointments__needs_treating_provider();
--! EndIncluded scheduling/treating_provider.sql
--! Included scheduling/inside_opening_hours.sql
-- People book inside the clinic's hours, where it has set any. Imports bring history as it was.
create or replace function app_private.tg_appointments__inside_opening_hours() returns trigger as $$
declare
  v_clinic app_public.clinics;
  v_starts timestamp;
  v_minutes int4range;
begin
  select c.timezone, c.opening_hours
  into v_clinic.timezone, v_clinic.opening_hours
  from app_public.clinics c
  where c.id = NEW.clinic_id;
  if v_clinic.opening_hours is null then
    return NEW;
  end if;
  v_starts := lower(NEW.during) at time zone v_clinic.timezone;
  -- The length is added as a number: a time of day would start again at midnight.
  v_minutes := int4range(
    floor(extract(epoch from v_starts::time) / 60)::integer,
    ceil(extract(epoch from v_starts::time) / 60 + extract(epoch from upper(NEW.during) - lower(NEW.during)) / 60)::integer
  );
  if not coalesce(
    v_minutes <@ app_hidden.opening_hours_on(v_clinic.opening_hours, extract(isodow from v_starts)::integer),
    false
  ) then
    raise exception 'The clinic is closed at that time.' using errcode = 'BADIN';
  end if;
  return NEW;
end;
$$ language plpgsql volatile set search_path to '';

-- Triggers --------------------------------------------------------------------

create or replace trigger _300_inside_opening_hours
  before insert or update of during on app_public.appointments
  for each row
  when (NEW.status = 'booked' and current_user <> 'app_data')
  execute function app_private.tg_appointments__inside_opening_hours();
--! EndIncluded scheduling/inside_opening_hours.sql
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

-- calculate_metrics() counts them, in the clinics whose figures the caller may have made anew.
create policy select_definer on app_public.care_sessions
  for select to app_definer
  using (clinic_id = any (array(select app_hidden.measured_clinic_ids())));

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
grant select (organization_id, clinic_id, patient_id, started_at, status, cost_cents)
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
--! Included scheduling/appointment_fields.sql
-- What the caller may do with an appointment as it stands, by the same helpers as its policies.

create or replace function app_public.appointments_can_cancel(appointment app_public.appointments) returns boolean as $$
  select appointment.status not in ('completed', 'cancelled', 'no_show')
    and appointment.clinic_id = any (
      array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider,staff}'))
    );
$$ language sql stable parallel safe set search_path to '';

create or replace function app_public.appointments_can_reschedule(appointment app_public.appointments)
returns boolean as $$
  select app_public.appointments_can_cancel(appointment);
$$ language sql stable parallel safe set search_path to '';

create or replace function app_public.appointments_minutes(appointment app_public.appointments) returns integer as $$
  select (extract(epoch from appointment.ends_at - appointment.starts_at) / 60)::integer;
$$ language sql stable parallel safe set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_public.appointments_can_cancel(app_public.appointments),
  app_public.appointments_can_reschedule(app_public.appointments),
  app_public.appointments_minutes(app_public.appointments)
to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.appointments_can_cancel(app_public.appointments) is
  'Whether the caller may cancel it: it is not over, and they work in its clinic.';
comment on function app_public.appointments_can_reschedule(app_public.appointments) is
  'Whether the caller may move it to another time.';
comment on function app_public.appointments_minutes(app_public.appointments) is 'How long it takes, in minutes.';
--! EndIncluded scheduling/appointment_fields.sql
--! Included scheduling/book_appointment.sql
-- Invoker: the policies of appointments decide who may book where, its constraint what overlaps. A patient the caller
-- cannot see, a patient of another tenant and no patient at all get one answer.

create or replace function app_public.book_appointment(
  patient_id uuid,
  starts_at timestamptz,
  ends_at timestamptz,
  provider_id uuid = auth.uid(),
  clinic_id uuid = app_hidden.default_clinic_id(),
  kind text = 'visit',
  reason text = null
) returns app_public.appointments as $$
declare
  v_patient app_public.patients;
  v_appointment app_public.appointments;
begin
  if book_appointment.patient_id is null or book_appointment.starts_at is null or book_appointment.ends_at is null then
    raise exception 'A patient, a start and an end are needed.' using errcode = 'BADIN';
  end if;
  if book_appointment.ends_at <= book_appointment.starts_at then
    raise exception 'An appointment ends after it starts.' using errcode = 'BADIN';
  end if;
  if book_appointment.clinic_id is null then
    raise exception 'Say which clinic: send X-Clinic-Id or clinicId.' using errcode = 'BADIN';
  end if;
  select * into v_patient
  from app_public.patients p
  where p.id = book_appointment.patient_id
  and p.deleted_at is null;
  if v_patient.id is null then
    raise exception 'There is no such patient.' using errcode = 'NTFND';
  end if;

  insert into app_public.appointments (organization_id, clinic_id, patient_id, provider_id, during, kind, reason)
  values (
    v_patient.organization_id,
    book_appointment.clinic_id,
    v_patient.id,
    book_appointment.provider_id,
    tstzrange(book_appointment.starts_at, book_appointment.ends_at),
    coalesce(book_appointment.kind, 'visit'),
    book_appointment.reason
  )
  returning * into v_appointment;
  return v_appointment;
exception
  when exclusion_violation then
    raise exception 'The provider already has an appointment in that time.' using errcode = 'OVRLP';
end;
$$ language plpgsql volatile set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_public.book_appointment(uuid, timestamptz, timestamptz, uuid, uuid, text, text) to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.book_appointment(uuid, timestamptz, timestamptz, uuid, uuid, text, text) is '@argument starts_at When it starts.
@argument ends_at When it ends; later than it starts.
@argument provider_id The uuid of the user who sees the patient; the caller unless given.
@argument clinic_id The uuid (rowId) of the clinic; the active one unless given.
@argument kind What kind of visit it is.
@argument reason Why the patient comes.
Books a time for a patient with a provider (the caller, unless another is named) in a clinic.';
--! EndIncluded scheduling/book_appointment.sql
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
  update app_public.appointments a
  set status = 'cancelled', cancelled_reason = nullif(trim(cancel_appointment.reason), '')
  where a.id = cancel_appointment.appointment_id
  returning * into v_appointment;
  if v_appointment.id is null then
    raise exception 'There is no such appointment.' using errcode = 'NTFND';
  end if;
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
