--! Previous: sha1:de4e6d7e796c2205483b0422bc8b4f17bf39b3de
--! Hash: sha1:caa37e8db73fc70e52fcf39b7bc7a8cfe8d0a75e
--! Message: disclosures

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 64-disclosures.sql
-- Patients in exports are on record.

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
--! Included practice/export_requests.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.export_requests');
select app_private.allow_data_role('app_public.export_requests');

create policy tenant_boundary on app_public.export_requests
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

-- One's own, and those of the clinics one answers for: who took what out, never what was in it.
create policy select_self_or_administrator on app_public.export_requests
  for select to app_user
  using (
    created_by = (select app_hidden.current_user_id())
    or clinic_id = any (array(select app_hidden.administered_clinic_ids()))
    or (select app_hidden.is_superadmin())
  );

create policy insert_provider on app_public.export_requests
  for insert to app_user
  with check (clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))));

-- Nobody fetches what another person asked for, and nobody anything once they have left the clinic.
create policy update_self on app_public.export_requests
  for update to app_user
  using (
    created_by = (select app_hidden.current_user_id())
    and clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}')))
  )
  with check (
    created_by = (select app_hidden.current_user_id())
    and clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}')))
  );

-- A link is made for one's own export, and files are kept while they may be fetched, whose ever they are.
create policy select_definer on app_public.export_requests
  for select to app_definer
  using (created_by is not null);

grant
  select (
    id, organization_id, clinic_id, kind, filter, format, status, row_count, byte_count, content_sha256, formatted_at,
    expires_at, download_count, downloaded_at, created_at, updated_at, created_by, updated_by
  ),
  insert (organization_id, clinic_id, kind, filter, format),
  update (status, row_count, byte_count, content_sha256, formatted_at, download_count, downloaded_at)
on app_public.export_requests to app_user;
grant select (id, organization_id, clinic_id, kind, status, content_sha256, expires_at, created_by)
on app_public.export_requests to app_definer;
-- No delete grant: that data left the house stays on record. No update of expires_at: who needs it longer asks again.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.export_requests');
select app_private.audit_changes('app_public.export_requests');
select app_private.announce_changes('app_public.export_requests', 'created_by');

-- Documentation ---------------------------------------------------------------

comment on table app_public.export_requests is
  E'@behavior -insert -update\nThat somebody took data out of a clinic: what, when, how much, and how often it was fetched. Holds no data itself: that is a file, written by a job. See `requestExport` and `createExportLink`.';
comment on column app_public.export_requests.id is 'The request’s id.';
comment on column app_public.export_requests.organization_id is 'The organization that runs the clinic.';
comment on column app_public.export_requests.clinic_id is 'The clinic whose data it is.';
comment on column app_public.export_requests.kind is 'Which records.';
comment on column app_public.export_requests.filter is 'Which of them.';
comment on column app_public.export_requests.format is 'In which format.';
comment on column app_public.export_requests.status is 'How it stands. An export that has expired is fetched no more, whatever stands here.';
comment on column app_public.export_requests.row_count is 'How many records are in it; while it is written, how many so far.';
comment on column app_public.export_requests.byte_count is 'How large the file is.';
comment on column app_public.export_requests.content_sha256 is 'SHA-256 of the file, in hexadecimal.';
comment on column app_public.export_requests.formatted_at is 'When its file was written.';
comment on column app_public.export_requests.expires_at is 'Until when it can be fetched.';
comment on column app_public.export_requests.download_count is 'How often it was fetched.';
comment on column app_public.export_requests.downloaded_at is 'When it was last fetched.';
comment on column app_public.export_requests.created_at is 'When it was asked for.';
comment on column app_public.export_requests.updated_at is 'When it last changed.';
comment on column app_public.export_requests.created_by is 'Who asked for it.';
comment on column app_public.export_requests.updated_by is 'Who changed it last.';
comment on type app_public.export_kind is '@value patients Patients.
@value appointments Appointments.
@value care_sessions Care sessions.
@value metrics Metrics.
Which records an export holds.';
comment on type app_public.export_format is '@value csv Comma-separated values.
@value ndjson A JSON object in each line.
The format of an export: comma-separated values with a header, or a JSON object in each line.';
comment on type app_public.export_status is '@value requested It waits to be written.
@value running It is being written.
@value ready It can be fetched.
@value failed Writing it failed; it is tried again for a while.
@value cancelled It was withdrawn.
How an export stands.';
comment on type app_public.export_filter is 'Which records an export holds: those of a period, of a status, or both.';
comment on column app_public.export_filter.first_day is 'From this day on, in the clinic’s time zone.';
comment on column app_public.export_filter.last_day is 'Until the end of this day, in the clinic’s time zone.';
comment on column app_public.export_filter.status is 'Only records with this status, such as `completed`.';
--! EndIncluded practice/export_requests.sql
--! Included practice/format_export_data.sql
-- Opens the records of an export, in order, as the cursor that is returned: whoever fetches from it, in the same transaction,
-- needs memory for one batch, and so does the server. Each is a JSON object whose keys are the columns. A second cursor,
-- `export_patients`, has the patients whose records these are, a thousand in each of its rows: what the audit says of the
-- export. Stable, so that both see the same moment.
-- Invoker: an export holds what the caller may read at this moment, and nothing else.

create or replace function app_hidden.format_export_data(export_id uuid) returns refcursor as $$
declare
  v_portal refcursor := 'export_rows';
  v_patients refcursor := 'export_patients';
  v_request app_public.export_requests;
  v_filter app_public.export_filter;
  v_from timestamptz;
  v_until timestamptz;
  v_records text;
  v_order text;
  v_patient_id text;
begin
  select r.* into v_request
  from app_public.export_requests r
  where r.id = format_export_data.export_id
  and r.created_by = app_hidden.current_user_id();
  if v_request.id is null then
    raise exception 'There is no such export.' using errcode = 'NTFND';
  end if;
  v_filter := v_request.filter;
  select v_filter.first_day::timestamp at time zone c.timezone, (v_filter.last_day + 1)::timestamp at time zone c.timezone
  into v_from, v_until
  from app_public.clinics c
  where c.id = v_request.clinic_id;
  -- $1 organization, $2 clinic, $3 status, $4 from, $5 until, $6 first day, $7 last day. Nothing of a request is in the text.
  case v_request.kind
    when 'patients' then
      v_records := $sql$
        select p.id, p.mrn, p.given_name, p.family_name, p.birth_date, p.death_date, p.sex, p.phone, p.email,
          p.address, p.city, p.region, p.postal_code
        from app_public.patients p
        where p.organization_id = $1
        and p.home_clinic_id = $2
        and case $3 when 'archived' then p.deleted_at is not null else p.deleted_at is null end
        and ($4 is null or p.created_at >= $4)
        and ($5 is null or p.created_at < $5)
      $sql$;
      v_order := 'order by p.family_name, p.given_name, p.id';
      v_patient_id := 'r.id';
    when 'appointments' then
      v_records := $sql$
        select a.id, a.patient_id, a.provider_id, a.starts_at, a.ends_at, a.status, a.kind, a.reason, a.cancelled_reason
        from app_public.appointments a
        where a.organization_id = $1
        and a.clinic_id = $2
        and ($3 is null or a.status::text = $3)
        and ($4 is null or a.starts_at >= $4)
        and ($5 is null or a.starts_at < $5)
      $sql$;
      v_order := 'order by a.starts_at, a.id';
      v_patient_id := 'r.patient_id';
    when 'care_sessions' then
      v_records := $sql$
        select s.id, s.patient_id, s.provider_id, s.appointment_id, s.started_at, s.ended_at, s.status, s.kind,
          s.summary, s.cost_cents, s.payer_name
        from app_public.care_sessions s
        where s.organization_id = $1
        and s.clinic_id = $2
        and ($3 is null or s.status::text = $3)
        and ($4 is null or s.started_at >= $4)
        and ($5 is null or s.started_at < $5)
      $sql$;
      v_order := 'order by s.started_at, s.id';
      v_patient_id := 'r.patient_id';
    when 'metrics' then
      v_records := $sql$
        select m.starts_on as day, m.area, m.metric_key, m.source, m.sum as value
        from app_public.metric_aggregations m
        where m.organization_id = $1
        and m.clinic_id = $2
        and m.period = 'day'
        and ($6 is null or m.starts_on >= $6)
        and ($7 is null or m.starts_on <= $7)
      $sql$;
      v_order := 'order by m.starts_on, m.area, m.metric_key, m.source';
      -- Figures are nobody's.
      v_patient_id := 'null::uuid';
  end case;
  open v_portal no scroll for
    execute format('select row_to_json(r)::text as record from (%s %s) r', v_records, v_order)
    using v_request.organization_id, v_request.clinic_id, nullif(v_filter.status, ''), v_from, v_until,
      v_filter.first_day, v_filter.last_day;
  open v_patients no scroll for
    execute format(
      $sql$
      select array_agg(b.patient_id) as patient_ids, sum(b.row_count)::int as row_count
      from (
        select p.patient_id, p.row_count, (row_number() over (order by p.patient_id) - 1) / 1000 as batch
        from (select %s as patient_id, count(*) as row_count from (%s) r group by 1) p
        where p.patient_id is not null
      ) b
      group by b.batch
      $sql$,
      v_patient_id,
      v_records
    )
    using v_request.organization_id, v_request.clinic_id, nullif(v_filter.status, ''), v_from, v_until,
      v_filter.first_day, v_filter.last_day;
  return v_portal;
end;
$$ language plpgsql stable strict set search_path to '' set cursor_tuple_fraction to 1;

-- Access ----------------------------------------------------------------------

grant execute on function app_hidden.format_export_data(uuid) to app_user;
--! EndIncluded practice/format_export_data.sql
--! Included practice/record_export.sql
set local role app_definer;

-- One event of the audit for some of the patients whose records an export holds. A definer function, because whoever
-- exports writes no events; it speaks of the caller's own export only, while that is written. Of the columns in the file, the
-- event names those that are PHI.
create or replace function app_hidden.record_exported_batch(
  export_id uuid,
  columns text[],
  patient_ids uuid[],
  row_count integer
) returns void as $$
  insert into app_audit.events (
    organization_id, clinic_id, actor_id, session_id, actor_role, command, table_name, row_id, changed_fields,
    purpose_of_use, request_id, address_hash, device_hash, operation, document_hash, patient_ids, row_count
  )
  select
    r.organization_id, r.clinic_id, f.actor_id, f.session_id, f.actor_role, 'SELECT', 'app_public.export_requests', r.id,
    array(
      select s.table_name || '.' || c
      from app_audit.column_sensitivities s
      cross join lateral unnest(s.phi) as c
      where s.table_name = 'app_public.' || r.kind
      and c = any (record_exported_batch.columns)
      order by c
    ),
    f.purpose_of_use, f.request_id, f.address_hash, f.device_hash, f.operation, f.document_hash,
    record_exported_batch.patient_ids, record_exported_batch.row_count
  from app_public.export_requests r
  cross join lateral app_private.describe_request() f
  where r.id = record_exported_batch.export_id
  and r.created_by = app_hidden.current_user_id()
  and r.status = 'running';
$$ language sql volatile security definer set search_path to '';

grant execute on function app_hidden.record_exported_batch(uuid, text[], uuid[], integer) to app_user;

reset role;

-- Puts on record whose records the file holds that was just written from the cursor of format_export_data(), in the same
-- transaction; how many patients.
create or replace function app_hidden.record_export(export_id uuid, columns text[]) returns int as $$
declare
  v_patients refcursor := 'export_patients';
  v_patient_ids uuid[];
  v_row_count int;
  v_count int := 0;
begin
  loop
    fetch v_patients into v_patient_ids, v_row_count;
    exit when not found;
    perform app_hidden.record_exported_batch(
      record_export.export_id, record_export.columns, v_patient_ids, v_row_count
    );
    v_count := v_count + cardinality(v_patient_ids);
  end loop;
  return v_count;
end;
$$ language plpgsql volatile strict set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_hidden.record_export(uuid, text[]) to app_user;
--! EndIncluded practice/record_export.sql
--! Included audit/patient_access_report.sql
set local role app_definer;

-- Whether the caller may have the accounting of a patient's disclosures (45 CFR 164.528): the patient, the organization's
-- owners, admins and privacy officers, and the administrators of the home clinic. A definer function, because it looks the patient up before
-- it knows.
create or replace function app_hidden.can_account_for_patient(patient_id uuid) returns boolean as $$
  select exists (
    select
    from app_public.patients p
    where p.id = can_account_for_patient.patient_id
    and (
      p.id = any (array(select app_hidden.my_patient_ids()))
      or p.organization_id = any (array(select app_hidden.trail_organization_ids()))
      or p.home_clinic_id = any (array(select app_hidden.administered_clinic_ids()))
    )
  );
$$ language sql stable security definer set search_path to '';

-- What is on record of a patient: what was read and changed, emergency accesses, and what clinics showed to each other.
-- A definer function, because no role of a request reads others' events; it asks the function above first. What was refused is
-- no disclosure. Events from before they named patients are found by the patient's own row only.
create or replace function app_hidden.patient_accesses(patient_id uuid, since timestamptz, until timestamptz)
returns setof app_public.patient_access as $$
declare
  v_patient_id uuid := patient_accesses.patient_id;
  v_organization_id uuid;
begin
  if not app_hidden.can_account_for_patient(v_patient_id) then
    raise exception 'There is no such patient.' using errcode = 'NTFND';
  end if;
  select p.organization_id into v_organization_id from app_public.patients p where p.id = v_patient_id;
  return query
    select e.id, e.occurred_at, e.actor_id, p.display_name, e.on_behalf_of, e.clinic_id,
      case
        when e.table_name = 'app_public.export_requests' then case e.command when 'SELECT' then 'export' else 'download' end
        when e.command = 'SELECT' then 'read'
        else lower(e.command)
      end,
      e.table_name, e.row_id, e.changed_fields, e.purpose_of_use,
      case when e.table_name = 'app_public.break_glass_grants' then e.row_id else e.grant_id end, null::text
    from app_audit.events e
    left join app_public.profiles p on p.user_id = e.actor_id
    where e.organization_id = v_organization_id
    and e.occurred_at >= patient_accesses.since and e.occurred_at < patient_accesses.until
    and e.outcome = 'ok'
    and e.id = any (array(
      select o.id
      from app_audit.events o
      where o.patient_ids @> array[v_patient_id] and o.patient_ids <> '{}'
      union all
      select o.id
      from app_audit.events o
      where o.row_id = v_patient_id and o.table_name = 'app_public.patients' and o.patient_ids = '{}'
      union all
      -- The event of an export names the patients in it, and those of its downloads the export.
      select o.id
      from app_audit.events o
      where o.organization_id = v_organization_id
      and o.occurred_at >= patient_accesses.since and o.occurred_at < patient_accesses.until
      and o.table_name = 'app_public.export_requests'
      and o.command = 'UPDATE'
      and 'downloaded_at' = any (o.changed_fields)
      and o.row_id = any (array(
        select x.row_id
        from app_audit.events x
        where x.patient_ids @> array[v_patient_id] and x.patient_ids <> '{}'
        and x.table_name = 'app_public.export_requests'
      ))
      union all
      -- A share names the session, and the session's own events name the patient.
      select o.id
      from app_audit.events o
      where o.organization_id = v_organization_id
      and o.occurred_at >= patient_accesses.since and o.occurred_at < patient_accesses.until
      and o.table_name = 'app_public.resource_shares'
      and coalesce(o.changes -> 'new', o.changes -> 'old') ->> 'care_session_id' = any (array(
        select s.row_id::text
        from app_audit.events s
        where s.patient_ids @> array[v_patient_id] and s.patient_ids <> '{}'
        and s.table_name = 'app_public.care_sessions'
      ))
    ));
end;
$$ language plpgsql stable security definer set search_path to '';

grant execute on function
  app_hidden.can_account_for_patient(uuid),
  app_hidden.patient_accesses(uuid, timestamptz, timestamptz)
to app_user;

reset role;

-- Invoker: why somebody opened the record in an emergency is said by the policies of break_glass_grants.
create or replace function app_public.patient_access_report(patient_id uuid, "from" timestamptz, "to" timestamptz)
returns setof app_public.patient_access as $$
begin
  if "from" >= "to" then
    raise exception 'The period has to begin before it ends.' using errcode = 'BADIN';
  end if;
  return query
    select a.event_id, a.happened_at, a.actor_id, a.actor_name, a.on_behalf_of, a.clinic_id, a.action, a.resource_type,
      a.resource_id, a.fields, a.purpose_of_use, a.grant_id, g.reason
    from app_hidden.patient_accesses(patient_access_report.patient_id, "from", "to") a
    left join app_public.break_glass_grants g on g.id = a.grant_id
    order by a.happened_at desc, a.event_id desc;
end;
$$ language plpgsql stable strict rows 100 set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_public.patient_access_report(uuid, timestamptz, timestamptz) to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.patient_access_report(uuid, timestamptz, timestamptz) is '@sensitivity audit
@argument patient_id The patient.
@argument from The first moment of the period.
@argument to The moment after its last one.
Who has seen or changed what of a patient, when and why, newest first: for the patient, and for the administrators and privacy officers of the organization and the administrators of the home clinic.';
comment on type app_public.patient_access is E'@sensitivity audit\nThat somebody saw or changed something of a patient.';
comment on column app_public.patient_access.event_id is 'The event on record.';
comment on column app_public.patient_access.happened_at is 'When, by the database’s clock.';
comment on column app_public.patient_access.actor_id is 'Who; null for work of the system.';
comment on column app_public.patient_access.actor_name is 'The name by which the organization knows who it was.';
comment on column app_public.patient_access.on_behalf_of is 'In whose name, where it was not the actor’s own.';
comment on column app_public.patient_access.clinic_id is 'The clinic of the record.';
comment on column app_public.patient_access.action is
  'What was done: read, insert, update or delete; export where the record left in a file, and download where that was fetched.';
comment on column app_public.patient_access.resource_type is
  'The kind of record; `app_public.break_glass_grants` for an emergency access, `app_public.resource_shares` for a record shown to another clinic, `app_public.export_requests` for an export.';
comment on column app_public.patient_access.resource_id is 'The record; null where several were read at once.';
comment on column app_public.patient_access.fields is 'The fields that were read or changed, by name.';
comment on column app_public.patient_access.purpose_of_use is 'What it was for, where that was said.';
comment on column app_public.patient_access.grant_id is 'The emergency access that was open.';
comment on column app_public.patient_access.emergency_reason is 'Why the record was opened in an emergency.';
--! EndIncluded audit/patient_access_report.sql

select app_audit.note_sensitivity();
