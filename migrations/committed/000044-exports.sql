--! Previous: sha1:58cd4c4fb25cd71ae925d567872987941829649e
--! Hash: sha1:134aa1ebd04852f52cfb29e18d4358dd33f84129
--! Message: exports

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 71-exports.sql
-- Exports are files that a job writes, and a link fetches.

--! Included practice/export_requests_files.sql
-- Since exports are written by a job into a file: what it is doing, and what became of the file.
do $$
begin
  if exists (
    select from pg_catalog.pg_enum e
    where e.enumtypid = 'app_public.export_format'::regtype and e.enumlabel = 'json'
  ) then
    alter type app_public.export_format rename value 'json' to 'ndjson';
  end if;
end
$$;
alter type app_public.export_status add value if not exists 'running' after 'requested';
alter type app_public.export_status add value if not exists 'failed' after 'ready';

alter table app_public.export_requests
  add column if not exists byte_count bigint,
  add column if not exists download_count int not null default 0,
  add column if not exists downloaded_at timestamptz;

-- A link to fetch an export by, without a header: its token as a hash, and who made it in which session.
create table if not exists app_private.export_links (
  token_hash bytea primary key,
  organization_id uuid not null,
  export_id uuid not null,
  user_id uuid not null references app_public.users on delete cascade,
  session_id uuid,
  identity_issuer text,
  identity_subject text,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  foreign key (organization_id, export_id) references app_public.export_requests (organization_id, id) on delete cascade,
  constraint export_links_token_hash_is_sha256 check (octet_length(token_hash) = 32)
);
create index if not exists export_links_organization_id_export_id_idx
  on app_private.export_links (organization_id, export_id);
create index if not exists export_links_user_id_idx on app_private.export_links (user_id);
create index if not exists export_links_expires_at_idx on app_private.export_links (expires_at);
--! EndIncluded practice/export_requests_files.sql
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
grant select (id, organization_id, clinic_id, status, content_sha256, expires_at, created_by)
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
--! Included practice/export_rows.sql
-- What exports were made of before they were files; see format_export_data.sql.
drop function if exists app_public.format_export_data(uuid);
drop function if exists app_hidden.export_rows(app_public.export_requests, text);
drop function if exists app_hidden.csv_line(json, boolean);
drop function if exists app_hidden.csv_field(text);
--! EndIncluded practice/export_rows.sql
--! Included practice/format_export_data.sql
-- Opens the records of an export, in order, as the cursor that is returned: whoever fetches from it, in the same transaction,
-- needs memory for one batch, and so does the server. Each is a JSON object whose keys are the columns.
-- Invoker: an export holds what the caller may read at this moment, and nothing else.

create or replace function app_hidden.format_export_data(export_id uuid) returns refcursor as $$
declare
  v_portal refcursor := 'export_rows';
  v_request app_public.export_requests;
  v_filter app_public.export_filter;
  v_from timestamptz;
  v_until timestamptz;
  v_status text;
begin
  select r.* into v_request
  from app_public.export_requests r
  where r.id = format_export_data.export_id
  and r.created_by = app_hidden.current_user_id();
  if v_request.id is null then
    raise exception 'There is no such export.' using errcode = 'NTFND';
  end if;
  v_filter := v_request.filter;
  v_status := nullif(v_filter.status, '');
  select v_filter.first_day::timestamp at time zone c.timezone, (v_filter.last_day + 1)::timestamp at time zone c.timezone
  into v_from, v_until
  from app_public.clinics c
  where c.id = v_request.clinic_id;
  case v_request.kind
    when 'patients' then
      open v_portal no scroll for
        select row_to_json(r)::text as record
        from (
          select p.id, p.mrn, p.given_name, p.family_name, p.birth_date, p.death_date, p.sex, p.phone, p.email,
            p.address, p.city, p.region, p.postal_code
          from app_public.patients p
          where p.organization_id = v_request.organization_id
          and p.home_clinic_id = v_request.clinic_id
          and case v_status when 'archived' then p.deleted_at is not null else p.deleted_at is null end
          and (v_from is null or p.created_at >= v_from)
          and (v_until is null or p.created_at < v_until)
          order by p.family_name, p.given_name, p.id
        ) r;
    when 'appointments' then
      open v_portal no scroll for
        select row_to_json(r)::text as record
        from (
          select a.id, a.patient_id, a.provider_id, a.starts_at, a.ends_at, a.status, a.kind, a.reason,
            a.cancelled_reason
          from app_public.appointments a
          where a.organization_id = v_request.organization_id
          and a.clinic_id = v_request.clinic_id
          and (v_status is null or a.status::text = v_status)
          and (v_from is null or a.starts_at >= v_from)
          and (v_until is null or a.starts_at < v_until)
          order by a.starts_at, a.id
        ) r;
    when 'care_sessions' then
      open v_portal no scroll for
        select row_to_json(r)::text as record
        from (
          select s.id, s.patient_id, s.provider_id, s.appointment_id, s.started_at, s.ended_at, s.status, s.kind,
            s.summary, s.cost_cents, s.payer_name
          from app_public.care_sessions s
          where s.organization_id = v_request.organization_id
          and s.clinic_id = v_request.clinic_id
          and (v_status is null or s.status::text = v_status)
          and (v_from is null or s.started_at >= v_from)
          and (v_until is null or s.started_at < v_until)
          order by s.started_at, s.id
        ) r;
    when 'metrics' then
      open v_portal no scroll for
        select row_to_json(r)::text as record
        from (
          select m.starts_on as day, m.area, m.metric_key, m.source, m.sum as value
          from app_public.metric_aggregations m
          where m.organization_id = v_request.organization_id
          and m.clinic_id = v_request.clinic_id
          and m.period = 'day'
          and (v_filter.first_day is null or m.starts_on >= v_filter.first_day)
          and (v_filter.last_day is null or m.starts_on <= v_filter.last_day)
          order by m.starts_on, m.area, m.metric_key, m.source
        ) r;
  end case;
  return v_portal;
end;
$$ language plpgsql volatile strict set search_path to '' set cursor_tuple_fraction to 1;

-- Access ----------------------------------------------------------------------

grant execute on function app_hidden.format_export_data(uuid) to app_user;
--! EndIncluded practice/format_export_data.sql
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
  set status = 'cancelled', row_count = null
  where r.id = cancel_export.export_id
  and r.status in ('requested', 'running', 'failed')
  returning * into v_request;
  if v_request.id is null then
    raise exception 'There is no such export still to be written.' using errcode = 'NTFND';
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
Asks for an export of a clinic’s records. For its admins and providers. A job writes it with the rights of whoever asked; `exportRequestChanged` tells how far it is, and `createExportLink` where to fetch it.';
comment on function app_public.cancel_export(uuid) is 'Withdraws an export that is not ready yet; one that is being written stops.';
--! EndIncluded practice/request_export.sql
--! Included practice/write_export.sql
-- What the job `export__write` asks as the person who wants the export. Invoker functions: the policies of export_requests
-- decide at each step whether that person still may, and the records are those that they may read at that moment.

-- The request, now being worked on; no row when there is nothing (any more) to be written. One that is ready stays so.
create or replace function app_hidden.begin_export(export_id uuid)
returns table (status app_public.export_status, format app_public.export_format) as $$
begin
  update app_public.export_requests r
  set status = 'running', row_count = 0
  where r.id = begin_export.export_id
  and r.created_by = app_hidden.current_user_id()
  and r.status in ('requested', 'running', 'failed')
  and r.expires_at > now();
  return query
    select r.status, r.format
    from app_public.export_requests r
    where r.id = begin_export.export_id
    and r.created_by = app_hidden.current_user_id()
    and r.clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}')))
    and r.status in ('running', 'ready')
    and r.expires_at > now();
end;
$$ language plpgsql volatile strict set search_path to '';

-- False when the export was withdrawn, or the person has left the clinic.
create or replace function app_hidden.note_export_progress(export_id uuid, row_count int) returns boolean as $$
begin
  update app_public.export_requests r
  set row_count = note_export_progress.row_count
  where r.id = note_export_progress.export_id
  and r.created_by = app_hidden.current_user_id()
  and r.status = 'running';
  return found;
end;
$$ language plpgsql volatile strict set search_path to '';

-- False as above.
create or replace function app_hidden.finish_export(
  export_id uuid,
  row_count int,
  byte_count bigint,
  content_sha256 text
) returns boolean as $$
begin
  update app_public.export_requests r
  set status = 'ready', row_count = finish_export.row_count, byte_count = finish_export.byte_count,
    content_sha256 = finish_export.content_sha256, formatted_at = clock_timestamp()
  where r.id = finish_export.export_id
  and r.created_by = app_hidden.current_user_id()
  and r.status = 'running';
  return found;
end;
$$ language plpgsql volatile strict set search_path to '';

create or replace function app_hidden.fail_export(export_id uuid) returns void as $$
begin
  update app_public.export_requests r
  set status = 'failed', row_count = null
  where r.id = fail_export.export_id
  and r.created_by = app_hidden.current_user_id()
  and r.status = 'running';
end;
$$ language plpgsql volatile strict set search_path to '';

-- For the person who asked for it: what to send them, and on record that it was fetched.
create or replace function app_hidden.take_export(export_id uuid)
returns table (
  kind app_public.export_kind,
  format app_public.export_format,
  byte_count bigint,
  content_sha256 text,
  formatted_at timestamptz
) as $$
begin
  return query
    update app_public.export_requests r
    set download_count = r.download_count + 1, downloaded_at = clock_timestamp()
    where r.id = take_export.export_id
    and r.created_by = app_hidden.current_user_id()
    and r.status = 'ready'
    and r.expires_at > now()
    returning r.kind, r.format, r.byte_count, r.content_sha256, r.formatted_at;
end;
$$ language plpgsql volatile strict set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_hidden.begin_export(uuid),
  app_hidden.note_export_progress(uuid, int),
  app_hidden.finish_export(uuid, int, bigint, text),
  app_hidden.fail_export(uuid),
  app_hidden.take_export(uuid)
to app_user;
--! EndIncluded practice/write_export.sql
--! Included practice/export_links.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_private.export_links');
create policy all_definer on app_private.export_links to app_definer using (true) with check (true);
grant
  select,
  insert (
    token_hash, organization_id, export_id, user_id, session_id, identity_issuer, identity_subject, expires_at
  ),
  delete
on app_private.export_links to app_definer;

-- Functions -------------------------------------------------------------------

do $$
begin
  if to_regtype('app_public.export_link') is null then
    create type app_public.export_link as (path text, expires_at timestamptz);
  end if;
end
$$;

set local role app_definer;

-- Definer, because a request writes no links; it makes one for the caller's own export only, and each use of it asks again
-- as that person. The token is 256 random bits and lives for five minutes.
create or replace function app_public.create_export_link(export_id uuid) returns app_public.export_link as $$
declare
  v_token text := encode(extensions.gen_random_bytes(32), 'hex');
  v_link app_public.export_link := row('/exports/' || v_token, now() + interval '5 minutes');
begin
  delete from app_private.export_links l
  where l.token_hash in (
    select e.token_hash
    from app_private.export_links e
    where e.expires_at <= now()
    order by e.expires_at
    limit 10
  );
  insert into app_private.export_links (
    token_hash, organization_id, export_id, user_id, session_id, identity_issuer, identity_subject, expires_at
  )
  select sha256(convert_to(v_token, 'UTF8')), r.organization_id, r.id, r.created_by, app_hidden.current_session_id(),
    nullif(current_setting('app.identity_issuer', true), ''),
    nullif(current_setting('app.identity_subject', true), ''),
    v_link.expires_at
  from app_public.export_requests r
  where r.id = create_export_link.export_id
  and r.created_by = app_hidden.current_user_id()
  and r.clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}')))
  and r.status = 'ready'
  and r.expires_at > now();
  if not found then
    raise exception 'There is no such export to be fetched.' using errcode = 'NTFND';
  end if;
  return v_link;
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- Whose link it is, and to what; no row for one that is unknown or over. It opens nothing: the gateway goes on as that person.
create or replace function app_hidden.find_export_link(token text)
returns table (export_id uuid, user_id uuid, session_id uuid, identity_issuer text, identity_subject text) as $$
  select l.export_id, l.user_id, l.session_id, l.identity_issuer, l.identity_subject
  from app_private.export_links l
  where l.token_hash = sha256(convert_to(find_export_link.token, 'UTF8'))
  and l.expires_at > now();
$$ language sql stable strict security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_public.create_export_link(uuid) to app_user;
grant execute on function app_hidden.find_export_link(text) to app_anonymous;

-- Documentation ---------------------------------------------------------------

comment on function app_public.create_export_link(uuid) is '@argument export_id The uuid (rowId) of the export.
Makes a link by which the caller fetches an export that is ready: for five minutes, and while they may.';

reset role;

comment on type app_public.export_link is 'Where an export can be fetched, for a short time.';
comment on column app_public.export_link.path is 'The path at this gateway: the caller’s alone, a secret until it has expired.';
comment on column app_public.export_link.expires_at is 'Until when.';
comment on table app_private.export_links is
  'Links to fetch an export by: who made them in which session, and SHA-256 of their tokens.';
--! EndIncluded practice/export_links.sql
--! Included jobs/enqueue_exports.sql
set local role app_definer;

-- In the name of whoever asked, whose rights the job has; an import asks for nothing.
create or replace function app_private.tg_export_requests__enqueue() returns trigger as $$
begin
  if app_private.acting_role() <> 'app_data' then
    perform app_private.add_job(
      'export__write',
      jsonb_build_object('organizationId', NEW.organization_id, 'exportId', NEW.id, 'actorId', NEW.created_by)
    );
  end if;
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_private.tg_export_requests__enqueue() to app_owner;

-- Which of these exports have a file that may still be fetched, and its hash; for clearing the folder of all others.
create or replace function app_hidden.live_exports(export_ids uuid[]) returns table (id uuid, content_sha256 text) as $$
  select r.id, r.content_sha256
  from app_public.export_requests r
  where r.id = any (live_exports.export_ids)
  and r.status = 'ready'
  and r.expires_at > now();
$$ language sql stable security definer set search_path to '';

grant execute on function app_hidden.live_exports(uuid[]) to app_worker;

reset role;

create or replace trigger _900_enqueue
  after insert on app_public.export_requests
  for each row
  when (NEW.created_by is not null)
  execute function app_private.tg_export_requests__enqueue();
--! EndIncluded jobs/enqueue_exports.sql
