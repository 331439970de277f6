--! Previous: sha1:98c0a0e386ea1410234db2e905d161368d5aad26
--! Hash: sha1:1428b90f39725afadd153917a5ff4d77c22a9733
--! Message: exports

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 085-exports.sql
-- Exports; their table is in the migration before.

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

grant
  select (
    id, organization_id, clinic_id, kind, filter, format, status, row_count, content_sha256, formatted_at, expires_at,
    created_at, updated_at, created_by, updated_by
  ),
  insert (organization_id, clinic_id, kind, filter, format),
  update (status, row_count, content_sha256, formatted_at)
on app_public.export_requests to app_user;
-- No delete grant: that data left the house stays on record. No update of expires_at: who needs it longer asks again.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.export_requests');
select app_private.audit_changes('app_public.export_requests');
select app_private.announce_changes('app_public.export_requests', 'created_by');

-- Documentation ---------------------------------------------------------------

comment on table app_public.export_requests is
  E'@behavior -insert -update\nThat somebody took data out of a clinic: what, when, how much. Holds no data itself. See `requestExport` and `formatExportData`.';
comment on column app_public.export_requests.id is 'The request’s id.';
comment on column app_public.export_requests.organization_id is 'The organization that runs the clinic.';
comment on column app_public.export_requests.clinic_id is 'The clinic whose data it is.';
comment on column app_public.export_requests.kind is 'Which records.';
comment on column app_public.export_requests.filter is 'Which of them.';
comment on column app_public.export_requests.format is 'In which format.';
comment on column app_public.export_requests.status is 'How it stands. A request that has expired is fetched no more, whatever stands here.';
comment on column app_public.export_requests.row_count is 'How many records were in it when it was last fetched.';
comment on column app_public.export_requests.content_sha256 is 'SHA-256 of what was last fetched, in hexadecimal.';
comment on column app_public.export_requests.formatted_at is 'When it was last fetched.';
comment on column app_public.export_requests.expires_at is 'Until when it can be fetched.';
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
@value json A list of JSON objects.
The format of an export: comma-separated values with a header, or a list of JSON objects.';
comment on type app_public.export_status is '@value requested It waits to be fetched.
@value ready It was fetched.
@value cancelled It was withdrawn.
How an export stands.';
comment on type app_public.export_filter is 'Which records an export holds: those of a period, of a status, or both.';
comment on column app_public.export_filter.first_day is 'From this day on, in the clinic’s time zone.';
comment on column app_public.export_filter.last_day is 'Until the end of this day, in the clinic’s time zone.';
comment on column app_public.export_filter.status is 'Only records with this status, such as `completed`.';
--! EndIncluded practice/export_requests.sql
--! Included practice/request_export.sql
-- Invoker: the policies of export_requests decide who may ask.

create or replace function app_public.request_export(
  kind app_public.export_kind,
  format app_public.export_format = 'csv',
  filter app_public.export_filter = null,
  clinic_id uuid = app_hidden.default_clinic_id()
) returns app_public.export_requests as $$
declare
  v_request app_public.export_requests;
begin
  if request_export.clinic_id is null then
    raise exception 'Say which clinic: send X-Clinic-Id or clinicId.' using errcode = 'BADIN';
  end if;
  -- Of the clinics the caller knows: a clinic of another tenant is none.
  insert into app_public.export_requests (organization_id, clinic_id, kind, filter, format)
  select c.organization_id, c.id, request_export.kind,
    coalesce(request_export.filter, row(null, null, null)::app_public.export_filter),
    coalesce(request_export.format, 'csv')
  from app_public.clinics c
  where c.id = request_export.clinic_id
  returning * into v_request;
  if v_request.id is null then
    raise exception 'There is no such clinic.' using errcode = 'NTFND';
  end if;
  return v_request;
end;
$$ language plpgsql volatile set search_path to '';

create or replace function app_public.cancel_export(export_id uuid) returns app_public.export_requests as $$
declare
  v_request app_public.export_requests;
begin
  update app_public.export_requests r
  set status = 'cancelled', row_count = null, content_sha256 = null, formatted_at = null
  where r.id = cancel_export.export_id
  and r.status = 'requested'
  returning * into v_request;
  if v_request.id is null then
    raise exception 'There is no such export still to be fetched.' using errcode = 'NTFND';
  end if;
  return v_request;
end;
$$ language plpgsql volatile strict set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_public.request_export(app_public.export_kind, app_public.export_format, app_public.export_filter, uuid),
  app_public.cancel_export(uuid)
to app_user;

-- Documentation ---------------------------------------------------------------

comment on function
  app_public.request_export(app_public.export_kind, app_public.export_format, app_public.export_filter, uuid)
  is '@argument kind Which records.
@argument format How they are written.
@argument filter Which of them; all unless given.
Asks for an export of a clinic’s records. For its admins and providers; fetch it with `formatExportData`.';
comment on function app_public.cancel_export(uuid) is 'Withdraws an export that was not fetched yet.';
--! EndIncluded practice/request_export.sql
--! Included practice/export_rows.sql
-- Invoker functions: an export holds what the caller may read when it is fetched, and nothing else.

-- The records of one clinic as JSON objects whose keys are the columns, in order.
create or replace function app_hidden.export_rows(request app_public.export_requests, timezone text)
returns setof json as $$
declare
  v_filter app_public.export_filter := request.filter;
  v_from timestamptz := v_filter.first_day::timestamp at time zone export_rows.timezone;
  v_until timestamptz := (v_filter.last_day + 1)::timestamp at time zone export_rows.timezone;
  v_status text := nullif(v_filter.status, '');
begin
  case request.kind
    when 'patients' then
      return query
        select row_to_json(r)
        from (
          select p.id, p.mrn, p.given_name, p.family_name, p.birth_date, p.death_date, p.sex, p.phone, p.email,
            p.address, p.city, p.region, p.postal_code
          from app_public.patients p
          where p.organization_id = request.organization_id
          and p.home_clinic_id = request.clinic_id
          and case v_status when 'archived' then p.deleted_at is not null else p.deleted_at is null end
          and (v_from is null or p.created_at >= v_from)
          and (v_until is null or p.created_at < v_until)
          order by p.family_name, p.given_name, p.id
        ) r;
    when 'appointments' then
      return query
        select row_to_json(r)
        from (
          select a.id, a.patient_id, a.provider_id, a.starts_at, a.ends_at, a.status, a.kind, a.reason,
            a.cancelled_reason
          from app_public.appointments a
          where a.organization_id = request.organization_id
          and a.clinic_id = request.clinic_id
          and (v_status is null or a.status::text = v_status)
          and (v_from is null or a.starts_at >= v_from)
          and (v_until is null or a.starts_at < v_until)
          order by a.starts_at, a.id
        ) r;
    when 'care_sessions' then
      return query
        select row_to_json(r)
        from (
          select s.id, s.patient_id, s.provider_id, s.appointment_id, s.started_at, s.ended_at, s.status, s.kind,
            s.summary, s.cost_cents, s.payer_name
          from app_public.care_sessions s
          where s.organization_id = request.organization_id
          and s.clinic_id = request.clinic_id
          and (v_status is null or s.status::text = v_status)
          and (v_from is null or s.started_at >= v_from)
          and (v_until is null or s.started_at < v_until)
          order by s.started_at, s.id
        ) r;
    when 'metrics' then
      return query
        select row_to_json(r)
        from (
          select m.starts_on as day, m.area, m.metric_key, m.source, m.sum as value
          from app_public.metric_aggregations m
          where m.organization_id = request.organization_id
          and m.clinic_id = request.clinic_id
          and m.period = 'day'
          and (v_filter.first_day is null or m.starts_on >= v_filter.first_day)
          and (v_filter.last_day is null or m.starts_on <= v_filter.last_day)
          order by m.starts_on, m.area, m.metric_key, m.source
        ) r;
  end case;
end;
$$ language plpgsql stable parallel safe set search_path to '';

-- Quoted always, and with an apostrophe where a spreadsheet would take the value for a formula. Numbers stay numbers.
create or replace function app_hidden.csv_field(value text) returns text as $$
  select case
    when csv_field.value is null then ''
    when csv_field.value ~ '^[=+@\t\r\n-]' and csv_field.value !~ '^-?[0-9]+(\.[0-9]+)?$'
      then '"''' || replace(csv_field.value, '"', '""') || '"'
    else '"' || replace(csv_field.value, '"', '""') || '"'
  end;
$$ language sql immutable parallel safe set search_path to '';

-- One line of values, or of names when `header` is true.
create or replace function app_hidden.csv_line(record json, header boolean) returns text as $$
  select string_agg(
    app_hidden.csv_field(case when csv_line.header then f.key else f.value end),
    ',' order by f.position
  )
  from json_each_text(csv_line.record) with ordinality as f (key, value, position);
$$ language sql immutable parallel safe set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_hidden.export_rows(app_public.export_requests, text),
  app_hidden.csv_field(text),
  app_hidden.csv_line(json, boolean)
to app_user;
--! EndIncluded practice/export_rows.sql
--! Included practice/format_export_data.sql
-- Invoker: made anew each time from what the caller may read at that moment. Nothing is stored, so there is no copy of
-- patients' data to guard, and a membership that ended opens no export that was asked for before.

create or replace function app_public.format_export_data(export_id uuid) returns text as $$
declare
  -- More would not fit a reply; the filter cuts a clinic into periods.
  c_most_rows constant int := 100000;
  v_request app_public.export_requests;
  v_timezone text;
  v_rows json[];
  v_content text;
begin
  select r.* into v_request
  from app_public.export_requests r
  where r.id = format_export_data.export_id
  and r.created_by = app_hidden.current_user_id()
  and r.clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}')))
  and r.status <> 'cancelled';
  if v_request.id is null then
    raise exception 'There is no such export.' using errcode = 'NTFND';
  end if;
  if v_request.expires_at <= now() then
    raise exception 'This export has expired. Ask for a new one.' using errcode = 'EXPRD';
  end if;
  select c.timezone into v_timezone from app_public.clinics c where c.id = v_request.clinic_id;

  v_rows := array(
    select r from app_hidden.export_rows(v_request, v_timezone) as r limit c_most_rows + 1
  );
  if cardinality(v_rows) > c_most_rows then
    raise exception 'The export holds more than % records. Choose a shorter period.', c_most_rows
      using errcode = 'BADIN';
  end if;
  if v_request.format = 'csv' then
    select string_agg(l.line, E'\r\n' order by l.position) || E'\r\n' into v_content
    from (
      select 0 as position, app_hidden.csv_line(v_rows[1], true) as line where cardinality(v_rows) > 0
      union all
      select r.position, app_hidden.csv_line(r.record, false)
      from unnest(v_rows) with ordinality as r (record, position)
    ) l;
  else
    v_content := array_to_json(v_rows)::text;
  end if;
  v_content := coalesce(v_content, '');

  update app_public.export_requests r
  set status = 'ready', row_count = cardinality(v_rows), formatted_at = clock_timestamp(),
    content_sha256 = encode(sha256(convert_to(v_content, 'UTF8')), 'hex')
  where r.id = v_request.id;
  return v_content;
end;
$$ language plpgsql volatile strict set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_public.format_export_data(uuid) to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.format_export_data(uuid) is
  'Fetches an export that the caller asked for, as text in its format, and notes how much it was.';
--! EndIncluded practice/format_export_data.sql
