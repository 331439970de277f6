--! Previous: sha1:f363995e11f0264b95c71c7f99dbf64d25b7eaa4
--! Hash: sha1:21aecc4d6f3cc5bbf99b906d95d675d0783ea2e6
--! Message: refuse-values-that-cannot-be-meant

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! Included clinical/patients.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.patients');
select app_private.allow_data_role('app_public.patients');

create policy tenant_boundary on app_public.patients
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

-- The patient's home clinic, clinics it shares the patient with, whoever broke the glass, and the patient. No `deleted_at is null` here: the update
-- that archives a row would then be refused.
create policy select_clinic on app_public.patients
  for select to app_user
  using (
    home_clinic_id = any (array(select app_hidden.readable_clinic_ids()))
    or id in (select app_hidden.shared_patient_ids('{demographics,full_record}'))
    or id = any (array(select app_hidden.break_glass_patient_ids()))
    or id = any (array(select app_hidden.my_patient_ids()))
  );

create policy insert_staff on app_public.patients
  for insert to app_user
  with check (
    home_clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider,staff}')))
  );

create policy update_staff on app_public.patients
  for update to app_user
  using (
    home_clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider,staff}')))
  )
  with check (
    home_clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider,staff}')))
  );

-- The helpers ask which patients the caller is; break_glass() finds a patient of the caller's organization by number. The
-- memberships in the subquery are the caller's own: app_definer sees no others. Who runs the organization has a right to the
-- accounting of its patients' disclosures (audit/patient_access_report.sql), and to nothing else of them.
create policy select_definer on app_public.patients
  for select to app_definer
  using (
    portal_user_id = (select auth.uid())
    or organization_id in (select m.organization_id from app_public.clinic_memberships m where m.active)
    or organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
  );

create policy select_worker on app_public.patients
  for select to app_worker
  using (organization_id = (select app_hidden.current_organization_id()));

grant
  select (
    id, organization_id, home_clinic_id, mrn, given_name, family_name, birth_date, death_date, sex, phone, email,
    address, city, region, postal_code, portal_user_id, external_id, created_at, updated_at, created_by, updated_by,
    deleted_at
  ),
  insert (
    organization_id, home_clinic_id, mrn, given_name, family_name, birth_date, death_date, sex, phone, email, address,
    city, region, postal_code
  ),
  update (
    mrn, given_name, family_name, birth_date, death_date, sex, phone, email, address, city, region, postal_code,
    deleted_at
  )
on app_public.patients to app_user;
grant select (id, organization_id, home_clinic_id, mrn, portal_user_id, deleted_at) on app_public.patients to app_definer;
grant select (id, organization_id, home_clinic_id, portal_user_id) on app_public.patients to app_worker;
-- No delete grant: a medical record is kept; archive_patient() takes it out of the lists. No update of home_clinic_id:
-- moving a patient would hand a clinic's records to another; link_patient_to_clinic() shares them instead.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.patients');
select app_private.audit_changes('app_public.patients');

-- What cannot be meant of anybody who is a patient. Where the day begins first, it is tomorrow already.
create or replace trigger _300_birth_date
  before insert or update of birth_date on app_public.patients
  for each row
  when (NEW.birth_date not between '1880-01-01' and current_date + 1)
  execute function app_private.tg__refuse_value('birth_date', 'A date of birth is between 1880 and today.');
create or replace trigger _300_death_date
  before insert or update of death_date on app_public.patients
  for each row
  when (NEW.death_date > current_date + 1)
  execute function app_private.tg__refuse_value('death_date', 'A date of death is not in the future.');
-- As app_public.users has it, but for capitals, which are kept as they were given.
create or replace trigger _300_email
  before insert or update of email on app_public.patients
  for each row
  when (NEW.email !~ '^[^@\s]+@[^@\s]+$' or length(NEW.email) > 254)
  execute function app_private.tg__refuse_value('email', 'An e-mail address looks like ann@example.com.');
create or replace trigger _300_phone
  before insert or update of phone on app_public.patients
  for each row
  when (
    NEW.phone !~* '^\+?[0-9 ().\/-]{3,30}( ?(x|ext\.?|#) ?[0-9]{1,8})?$'
    or length(regexp_replace(NEW.phone, '[^0-9]', '', 'g')) < 3
  )
  execute function app_private.tg__refuse_value('phone', 'A telephone number looks like +1 416 555 0199 or 555-0199 ext. 12.');

-- Documentation ---------------------------------------------------------------

comment on table app_public.patients is
  'A person under the care of an organization. Somebody seen by two organizations is a patient of each, unknown to the other.';
comment on column app_public.patients.id is 'The patient’s id.';
comment on column app_public.patients.organization_id is 'The organization whose patient this is.';
comment on column app_public.patients.home_clinic_id is 'The clinic that keeps the patient’s record.';
comment on column app_public.patients.mrn is E'@sensitivity phi\nMedical record number, unique within the organization.';
comment on column app_public.patients.given_name is E'@sensitivity phi\nGiven name or names.';
comment on column app_public.patients.family_name is E'@sensitivity phi\nFamily name.';
comment on column app_public.patients.birth_date is E'@sensitivity phi\nDate of birth.';
comment on column app_public.patients.death_date is E'@sensitivity phi\nDate of death.';
comment on column app_public.patients.sex is E'@sensitivity phi\nSex, as it matters for care.';
comment on column app_public.patients.phone is E'@sensitivity phi\nTelephone number.';
comment on column app_public.patients.email is E'@sensitivity phi\nE-mail address.';
comment on column app_public.patients.address is E'@sensitivity phi\nStreet and number.';
comment on column app_public.patients.city is E'@sensitivity phi\nTown or city.';
comment on column app_public.patients.region is E'@sensitivity phi\nState or province.';
comment on column app_public.patients.postal_code is E'@sensitivity phi\nPostal code.';
comment on column app_public.patients.portal_user_id is 'The account with which the patient signs in, if there is one.';
comment on column app_public.patients.external_id is 'The patient’s id in the system the record was imported from.';
comment on column app_public.patients.created_at is 'When the record was made.';
comment on column app_public.patients.updated_at is 'When the record last changed.';
comment on column app_public.patients.created_by is 'Who made the record.';
comment on column app_public.patients.updated_by is 'Who changed the record last.';
comment on column app_public.patients.deleted_at is
  E'@behavior -attribute:update\nWhen the record was archived; null while it is in use. See `archivePatient`.';
comment on type app_public.patient_sex is '@value female Female.
@value male Male.
@value other Neither, or both.
@value unknown Not recorded.
Sex, as it matters for care.';
--! EndIncluded clinical/patients.sql
--! Included outbound/deliverable_url.sql
-- What a webhook cannot reach is said when its address is entered. Where it goes is judged when it is sent, by the address that a
-- name has then (src/outbound/postOutside.ts).

-- The operator's own networks, which the gateway brings with each request; they may be reached by plain http.
create or replace function app_hidden.webhook_networks() returns inet[]
language sql stable parallel safe
return coalesce(string_to_array(nullif(current_setting('app.webhook_networks', true), ''), ',')::inet[], '{}');

create or replace function app_hidden.is_public_address(address inet) returns boolean
language sql immutable parallel safe
return case family(address)
  when 4 then not address <<= any (array[
    '0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24',
    '192.0.2.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/3'
  ]::inet[])
  else address <<= inet '2000::/3' and not address <<= any (array['2001::/23', '2001:db8::/32', '2002::/16']::inet[])
end;

create or replace function app_hidden.is_deliverable(url text) returns boolean as $$
declare
  v_parts text[] := regexp_match(
    lower(is_deliverable.url),
    '^(https?)://(\[[0-9a-f:.]+\]|[^][\s/?#:@\\%<>^|]+)(?::(\d{1,5}))?(?:[/?]|$)'
  );
  v_host text := rtrim(v_parts[2], '.');
  v_is_secure boolean := v_parts[1] = 'https';
  v_networks inet[] := app_hidden.webhook_networks();
  v_address inet;
begin
  if v_host is null or v_host = '' or coalesce(v_parts[3]::integer, 443) not between 1 and 65535 then
    return false;
  end if;
  if v_host = 'localhost' or v_host like '%.localhost' then
    return inet '127.0.0.1' <<= any (v_networks) or inet '::1' <<= any (v_networks);
  end if;
  -- A name that ends in a number is an address to whoever connects: 127.1, 2130706433 and 0x7f000001 are 127.0.0.1.
  if v_host !~ '^\[' and v_host !~ '(^|\.)(\d+|0x[0-9a-f]*)$' then
    return v_is_secure or cardinality(v_networks) > 0;
  end if;
  if v_host !~ '^\[' and v_host !~ '^(0|[1-9]\d*)(\.(0|[1-9]\d*)){3}$' then
    return false;
  end if;
  v_address := trim(v_host, '[]')::inet;
  return v_address <<= any (v_networks) or v_is_secure and app_hidden.is_public_address(v_address);
exception
  when invalid_text_representation then
    return false;
end;
$$ language plpgsql stable parallel safe set search_path to '';

-- Access ----------------------------------------------------------------------

-- An import's address is not judged (outbound/webhook_endpoints.sql), but a trigger's condition is prepared as whoever writes.
grant execute on function
  app_hidden.webhook_networks(),
  app_hidden.is_public_address(inet),
  app_hidden.is_deliverable(text)
to app_user, app_data;
--! EndIncluded outbound/deliverable_url.sql
--! Included outbound/webhook_endpoints.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.webhook_endpoints');
select app_private.allow_data_role('app_public.webhook_endpoints');

create policy tenant_boundary on app_public.webhook_endpoints
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

-- As with integrations: a new one has to be bought, one that is there stays.
create policy insert_with_feature on app_public.webhook_endpoints
  as restrictive for insert to app_user
  with check (organization_id = any (array(select app_hidden.organization_ids_with_feature('integrations'))));

-- It tells of every clinic of the organization, so who runs one of them is not asked.
create policy select_administrator on app_public.webhook_endpoints
  for select to app_user
  using (organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}'))));
create policy insert_administrator on app_public.webhook_endpoints
  for insert to app_user
  with check (organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}'))));
create policy update_administrator on app_public.webhook_endpoints
  for update to app_user
  using (organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}'))))
  with check (organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}'))));
create policy delete_administrator on app_public.webhook_endpoints
  for delete to app_user
  using (organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}'))));

-- Whoever changes a record has it told to the endpoints of that record's organization, without seeing them.
create policy select_definer on app_public.webhook_endpoints
  for select to app_definer
  using (organization_id = any (array(select app_hidden.acting_organization_ids())));
-- The job says how a delivery went, an administrator that there is a secret.
create policy update_definer on app_public.webhook_endpoints
  for update to app_definer
  using (organization_id = any (array(select app_hidden.acting_organization_ids())))
  with check (organization_id = any (array(select app_hidden.acting_organization_ids())));

grant
  select (
    id, organization_id, url, event_kinds, active, secret_made_at, failing_since, disabled_at, created_at, updated_at,
    created_by, updated_by
  ),
  insert (organization_id, url, event_kinds),
  update (url, event_kinds, active),
  delete
on app_public.webhook_endpoints to app_user;
grant
  select (id, organization_id, url, event_kinds, active, secret_made_at, failing_since),
  update (active, secret_made_at, failing_since, disabled_at)
on app_public.webhook_endpoints to app_definer;

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.webhook_endpoints');
select app_private.audit_changes('app_public.webhook_endpoints');

-- Somebody has repaired it: the days of failure are counted anew.
create or replace function app_private.tg_webhook_endpoints__begin_again() returns trigger as $$
begin
  NEW.failing_since := null;
  NEW.disabled_at := null;
  return NEW;
end;
$$ language plpgsql volatile set search_path to '';

create or replace trigger _110_begin_again
  before update of active on app_public.webhook_endpoints
  for each row
  when (NEW.active and not OLD.active)
  execute function app_private.tg_webhook_endpoints__begin_again();

-- Only what people enter: nobody else's requests bring the operator's networks.
create or replace trigger _300_deliverable
  before insert or update of url on app_public.webhook_endpoints
  for each row
  when (current_user = 'app_user' and not app_hidden.is_deliverable(NEW.url))
  execute function app_private.tg__refuse_value(
    'url', 'A webhook goes to an https address that is public, at a port from 1 to 65535.'
  );

-- Documentation ---------------------------------------------------------------

comment on table app_public.webhook_endpoints is
  'An address outside that is told of what happens in the organization. Needs the feature `integrations`, and a secret by `rotateWebhookSecret` before anything is sent.';
comment on column app_public.webhook_endpoints.id is 'The endpoint’s id.';
comment on column app_public.webhook_endpoints.organization_id is 'The organization.';
comment on column app_public.webhook_endpoints.url is
  'Where it is sent by POST: a public https address without a name and password, at most 2,000 characters. In networks of its own, the installation may allow others, and http.';
comment on column app_public.webhook_endpoints.event_kinds is 'What is told.';
comment on column app_public.webhook_endpoints.active is
  'Whether anything is sent. Turns false by itself after five days of failure; true lets it begin again.';
comment on column app_public.webhook_endpoints.secret_made_at is
  'When `rotateWebhookSecret` last made its secret; null while there is none.';
comment on column app_public.webhook_endpoints.failing_since is
  'Since when no delivery has succeeded; null while they do.';
comment on column app_public.webhook_endpoints.disabled_at is
  'When it was switched off because of its failures; null otherwise.';
comment on column app_public.webhook_endpoints.created_at is 'When it was made.';
comment on column app_public.webhook_endpoints.updated_at is 'When it last changed.';
comment on column app_public.webhook_endpoints.created_by is 'Who made it.';
comment on column app_public.webhook_endpoints.updated_by is 'Who changed it last.';
comment on type app_public.webhook_event_kind is '@value appointment_created Appointments were booked.
@value appointment_changed Appointments were changed, cancelled or completed.
@value care_session_created Care sessions were started or recorded.
@value care_session_changed Care sessions were changed or ended.
What a webhook tells.';
--! EndIncluded outbound/webhook_endpoints.sql
--! Included scheduling/assert_slot.sql
-- What people book and move: a walk-in is entered within the month, an older one is history, which imports bring (they write
-- the table itself). Of the length, the table's own check says the same.
create or replace function app_hidden.assert_slot(starts_at timestamptz, ends_at timestamptz) returns void as $$
begin
  if assert_slot.starts_at is null or assert_slot.ends_at is null then
    raise exception 'A patient, a start and an end are needed.'
      using errcode = 'BADIN', column = case when assert_slot.starts_at is null then 'starts_at' else 'ends_at' end;
  end if;
  if assert_slot.ends_at <= assert_slot.starts_at then
    raise exception 'An appointment ends after it starts.' using errcode = 'BADIN', column = 'ends_at';
  end if;
  if assert_slot.ends_at - assert_slot.starts_at > '7 days' then
    raise exception 'An appointment lasts at most seven days.' using errcode = 'BADIN', column = 'ends_at';
  end if;
  if assert_slot.starts_at < now() - interval '30 days' then
    raise exception 'An appointment starts at most 30 days ago.' using errcode = 'BADIN', column = 'starts_at';
  end if;
end;
$$ language plpgsql stable set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_hidden.assert_slot(timestamptz, timestamptz) to app_user;
--! EndIncluded scheduling/assert_slot.sql
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
-- Not whose they are: what a job reads of patients as the worker would be on no record.
grant select (id, organization_id, clinic_id, provider_id, status, updated_at, updated_by)
on app_public.appointments to app_worker;
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
  before update of during, status, cancelled_reason on app_public.appointments
  for each row
  when (
    OLD.status in ('completed', 'cancelled', 'no_show')
    and (
      NEW.status is distinct from OLD.status
      or NEW.during is distinct from OLD.during
      or NEW.cancelled_reason is distinct from OLD.cancelled_reason
    )
  )
  execute function app_private.tg_appointments__keep_final();

-- Documentation ---------------------------------------------------------------

comment on table app_public.appointments is
  E'@behavior -insert -update\nA time that a patient has with a provider. A provider has one at a time, wherever in the organization.';
comment on column app_public.appointments.id is 'The appointment’s id.';
comment on column app_public.appointments.organization_id is 'The organization that runs the clinic.';
comment on column app_public.appointments.clinic_id is 'Where it takes place.';
comment on column app_public.appointments.patient_id is E'@sensitivity phi\nThe patient.';
comment on column app_public.appointments.provider_id is
  'Who sees the patient: the uuid of a user, which is the `userId` of `provider`.';
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
