--! Previous: sha1:21aecc4d6f3cc5bbf99b906d95d675d0783ea2e6
--! Hash: sha1:1cbf3894383121fffacafc70ad1c0e8a2655fd8b
--! Message: name-the-argument-of-a-booking

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

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
    -- A clinic that the caller does not see has no provider, whoever was named.
    raise exception 'There is no such provider in this clinic.'
      using errcode = 'NTFND', column = case
        when exists (select from app_public.clinics c where c.id = NEW.clinic_id) then 'provider_id'
        else 'clinic_id'
      end;
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
  if book_appointment.patient_id is null then
    raise exception 'A patient, a start and an end are needed.' using errcode = 'BADIN', column = 'patient_id';
  end if;
  perform app_hidden.assert_slot(book_appointment.starts_at, book_appointment.ends_at);
  if book_appointment.clinic_id is null then
    raise exception 'Say which clinic: send X-Clinic-Id or clinicId.' using errcode = 'BADIN', column = 'clinic_id';
  end if;
  select * into v_patient
  from app_public.patients p
  where p.id = book_appointment.patient_id
  and p.deleted_at is null;
  if v_patient.id is null then
    raise exception 'There is no such patient.' using errcode = 'NTFND', column = 'patient_id';
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

comment on function app_public.book_appointment(uuid, timestamptz, timestamptz, uuid, uuid, text, text) is '@argument starts_at When it starts; at most 30 days ago.
@argument ends_at When it ends; later than it starts, and at most seven days.
@argument provider_id The uuid of the user who sees the patient: the `userId` of a clinic membership, not its `rowId`. The caller unless given.
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
  perform app_hidden.assert_slot(reschedule_appointment.starts_at, reschedule_appointment.ends_at);
  update app_public.appointments a
  set during = tstzrange(reschedule_appointment.starts_at, reschedule_appointment.ends_at)
  where a.id = reschedule_appointment.appointment_id
  returning * into v_appointment;
  if v_appointment.id is null then
    raise exception 'There is no such appointment.' using errcode = 'NTFND', column = 'appointment_id';
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

comment on function app_public.reschedule_appointment(uuid, timestamptz, timestamptz) is '@argument starts_at When it starts now; at most 30 days ago.
@argument ends_at When it ends now; later than it starts, and at most seven days.
Moves an appointment to another time.';
comment on function app_public.cancel_appointment(uuid, text) is '@argument reason Why, as it stands on record.
Cancels an appointment. It stays on record, and its time is free again.';
--! EndIncluded scheduling/change_appointment.sql
