--! Previous: sha1:15e2019e10868c2820d9cb9f60a461ff15d3a51f
--! Hash: sha1:7352fa04715e159de82552d62e7da9750b4e6b89
--! Message: report files

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 60-report-files.sql
-- Each report as an HTML and a CSV file, behind links like those of exports.

--! Included metrics/reports_files.sql
-- Since each report is written into two files by a job: what they are, and until when they are kept.
do $$
begin
  if to_regtype('app_public.report_format') is null then
    create type app_public.report_format as enum ('html', 'csv');
  end if;
end
$$;

alter table app_public.reports
  add column if not exists html_byte_count bigint,
  add column if not exists html_sha256 text,
  add column if not exists csv_byte_count bigint,
  add column if not exists csv_sha256 text,
  add column if not exists written_at timestamptz,
  add column if not exists files_expire_at timestamptz;

-- A link leads to an export, or to one of a report's files.
alter table app_private.export_links
  add column if not exists report_id uuid,
  add column if not exists report_format app_public.report_format,
  alter column export_id drop not null;

do $$
begin
  if not exists (
    select from pg_catalog.pg_constraint k
    where k.conrelid = 'app_private.export_links'::regclass and k.conname = 'export_links_lead_to_one_file'
  ) then
    alter table app_private.export_links
      add foreign key (organization_id, report_id) references app_public.reports (organization_id, id) on delete cascade,
      add constraint export_links_lead_to_one_file check (
        (export_id is null) = (report_id is not null) and (report_id is null) = (report_format is null)
      );
  end if;
end
$$;
create index if not exists export_links_organization_id_report_id_idx
  on app_private.export_links (organization_id, report_id);

-- Documentation ---------------------------------------------------------------

comment on type app_public.report_format is '@value html A page to be read and printed.
@value csv Comma-separated values, for a spreadsheet.
The format of a report’s file.';
comment on column app_public.reports.html_byte_count is 'How large its HTML file is.';
comment on column app_public.reports.html_sha256 is 'SHA-256 of its HTML file, in hexadecimal.';
comment on column app_public.reports.csv_byte_count is 'How large its CSV file is.';
comment on column app_public.reports.csv_sha256 is 'SHA-256 of its CSV file, in hexadecimal.';
comment on column app_public.reports.written_at is 'When its files were last written; null until they are.';
comment on column app_public.reports.files_expire_at is
  'Until when its files can be fetched. The figures stay, and making the report again writes them again.';
--! EndIncluded metrics/reports_files.sql
--! Included metrics/reports.sql
-- Reports that another clinic shares with one of the person's clinics. plpgsql: the table of shares refers to reports
-- and comes after them.
create or replace function app_hidden.shared_report_ids() returns setof uuid as $$
begin
  return query
    select s.report_id
    from app_public.resource_shares s
    where s.clinic_id = any (array(select app_hidden.readable_clinic_ids()))
    and s.report_id is not null
    and (s.expires_at is null or s.expires_at > now());
end;
$$ language plpgsql stable parallel safe set search_path to '';

grant execute on function app_hidden.shared_report_ids() to app_user;

-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.reports');
select app_private.allow_data_role('app_public.reports');

create policy tenant_boundary on app_public.reports
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

create policy select_scope on app_public.reports
  for select to app_user
  using (
    clinic_id = any (array(select app_hidden.metric_clinic_ids()))
    or (clinic_id is null and organization_id = any (array(select app_hidden.metric_organization_ids())))
    or id in (select app_hidden.shared_report_ids())
  );

create policy insert_administrator on app_public.reports
  for insert to app_user
  with check (
    clinic_id = any (array(select app_hidden.administered_clinic_ids()))
    or (clinic_id is null and organization_id = any (array(select app_hidden.administered_organization_ids())))
  );

create policy update_administrator on app_public.reports
  for update to app_user
  using (
    clinic_id = any (array(select app_hidden.administered_clinic_ids()))
    or (clinic_id is null and organization_id = any (array(select app_hidden.administered_organization_ids())))
  )
  with check (
    clinic_id = any (array(select app_hidden.administered_clinic_ids()))
    or (clinic_id is null and organization_id = any (array(select app_hidden.administered_organization_ids())))
  );

-- The weekly job writes them, too.
create policy select_worker on app_public.reports
  for select to app_worker
  using (organization_id = (select app_hidden.current_organization_id()));
create policy insert_worker on app_public.reports
  for insert to app_worker
  with check (organization_id = (select app_hidden.current_organization_id()));
create policy update_worker on app_public.reports
  for update to app_worker
  using (organization_id = (select app_hidden.current_organization_id()))
  with check (organization_id = (select app_hidden.current_organization_id()));

-- Files are kept while they may be fetched, whose ever they are (jobs/enqueue_exports.sql), and links lead to them.
create policy select_definer on app_public.reports
  for select to app_definer
  using (written_at is not null);

grant
  select (
    id, organization_id, clinic_id, period, starts_on, ends_on, figures, html_byte_count, html_sha256, csv_byte_count,
    csv_sha256, written_at, files_expire_at, created_at, updated_at, created_by, updated_by
  ),
  insert (organization_id, clinic_id, period, starts_on, ends_on, figures),
  update (figures)
on app_public.reports to app_user, app_worker;
-- Which files there are says the job that wrote them.
grant update (html_byte_count, html_sha256, csv_byte_count, csv_sha256, written_at, files_expire_at)
on app_public.reports to app_worker;
grant select (id, organization_id, html_sha256, csv_sha256, written_at, files_expire_at)
on app_public.reports to app_definer;
-- No delete grant: a report that was read is not taken back; making it again brings it up to date.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.reports');
select app_private.audit_changes('app_public.reports');

-- Documentation ---------------------------------------------------------------

comment on table app_public.reports is
  E'@behavior -insert -update\nThe figures of a week or month as they stood when the report was made. See `createReport`.';
comment on column app_public.reports.id is 'The report’s id.';
comment on column app_public.reports.organization_id is 'The organization.';
comment on column app_public.reports.clinic_id is 'The clinic; null for the whole organization.';
comment on column app_public.reports.period is 'How long a time it covers.';
comment on column app_public.reports.starts_on is 'The first day it covers.';
comment on column app_public.reports.ends_on is 'The last day it covers.';
comment on column app_public.reports.figures is
  'A list of `{area, metricKey, source, sum, count, previousSum}`; the last is the sum of the period before, or null.';
comment on column app_public.reports.created_at is 'When it was first made.';
comment on column app_public.reports.updated_at is 'When it was last made.';
comment on column app_public.reports.created_by is 'Who first made it; null for the weekly job.';
comment on column app_public.reports.updated_by is 'Who last made it; null for the weekly job.';
comment on type app_public.report_period is '@value week A week, from Monday on.
@value month A calendar month.
How long a time a report covers.';
--! EndIncluded metrics/reports.sql
--! Included practice/export_links.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_private.export_links');
create policy all_definer on app_private.export_links to app_definer using (true) with check (true);
grant
  select,
  insert (
    token_hash, organization_id, export_id, report_id, report_format, user_id, session_id, identity_issuer,
    identity_subject, expires_at
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

-- A link of the caller's, in this session, to one file. The token is 256 random bits and lives for five minutes. It opens
-- nothing by itself: each use of it asks again as that person.
create or replace function app_private.make_export_link(
  organization_id uuid,
  export_id uuid,
  report_id uuid,
  report_format app_public.report_format
) returns app_public.export_link as $$
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
    token_hash, organization_id, export_id, report_id, report_format, user_id, session_id, identity_issuer,
    identity_subject, expires_at
  )
  values (
    sha256(convert_to(v_token, 'UTF8')),
    make_export_link.organization_id,
    make_export_link.export_id,
    make_export_link.report_id,
    make_export_link.report_format,
    app_hidden.current_user_id(),
    app_hidden.current_session_id(),
    nullif(current_setting('app.identity_issuer', true), ''),
    nullif(current_setting('app.identity_subject', true), ''),
    v_link.expires_at
  );
  return v_link;
end;
$$ language plpgsql volatile set search_path to '';

-- Definer, because a request writes no links; it makes one for the caller's own export only.
create or replace function app_public.create_export_link(export_id uuid) returns app_public.export_link as $$
declare
  v_organization_id uuid;
begin
  select r.organization_id into v_organization_id
  from app_public.export_requests r
  where r.id = create_export_link.export_id
  and r.created_by = app_hidden.current_user_id()
  and r.clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}')))
  and r.status = 'ready'
  and r.expires_at > now();
  if v_organization_id is null then
    raise exception 'There is no such export to be fetched.' using errcode = 'NTFND';
  end if;
  return app_private.make_export_link(v_organization_id, create_export_link.export_id, null, null);
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- Definer for the same reason. Who may see the report is not asked here: metrics/write_report.sql asks it under row
-- security before a link is made, and again whenever one is followed.
create or replace function app_hidden.link_report(
  organization_id uuid,
  report_id uuid,
  format app_public.report_format
) returns app_public.export_link as $$
begin
  return app_private.make_export_link(link_report.organization_id, null, link_report.report_id, link_report.format);
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- It answers more columns than it did.
drop function if exists app_hidden.find_export_link(text);

-- Whose link it is, and to what; no row for one that is unknown or over. It opens nothing: the gateway goes on as that person.
create or replace function app_hidden.find_export_link(token text)
returns table (
  export_id uuid, report_id uuid, report_format app_public.report_format, user_id uuid, session_id uuid,
  identity_issuer text, identity_subject text
) as $$
  select
    l.export_id, l.report_id, l.report_format, l.user_id, l.session_id, l.identity_issuer, l.identity_subject
  from app_private.export_links l
  where l.token_hash = sha256(convert_to(find_export_link.token, 'UTF8'))
  and l.expires_at > now();
$$ language sql stable strict security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_public.create_export_link(uuid),
  app_hidden.link_report(uuid, uuid, app_public.report_format)
to app_user;
grant execute on function app_hidden.find_export_link(text) to app_anonymous;

-- Documentation ---------------------------------------------------------------

comment on function app_public.create_export_link(uuid) is '@argument export_id The uuid (rowId) of the export.
Makes a link by which the caller fetches an export that is ready: for five minutes, and while they may.';

reset role;

comment on type app_public.export_link is 'Where an export, or a report’s file, can be fetched for a short time.';
comment on column app_public.export_link.path is 'The path at this gateway: the caller’s alone, a secret until it has expired.';
comment on column app_public.export_link.expires_at is 'Until when.';
comment on table app_private.export_links is
  'Links to fetch an export or a report’s file by: who made them in which session, and SHA-256 of their tokens.';
--! EndIncluded practice/export_links.sql
--! Included metrics/write_report.sql
set local role app_definer;

-- Whatever makes a report or gives it other figures has its files written. One job a report at a time, and those that have
-- not begun are one. Those whom the weekly report is for are told when it was the schedule that made it.
create or replace function app_private.tg_reports__enqueue() returns trigger as $$
declare
  v_is_scheduled constant boolean := app_private.acting_role() = 'app_worker';
begin
  if app_private.acting_role() <> 'app_data' then
    perform app_private.add_job(
      'report__write',
      jsonb_build_object('organizationId', NEW.organization_id, 'reportId', NEW.id, 'isScheduled', v_is_scheduled),
      queue_name => 'report:' || NEW.id,
      job_key => 'report__write:' || NEW.id || ':' || v_is_scheduled
    );
  end if;
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_private.tg_reports__enqueue() to app_owner;

reset role;

create or replace trigger _900_enqueue
  after insert or update of figures on app_public.reports
  for each row
  execute function app_private.tg_reports__enqueue();

-- Invoker: which file to send, if the policies of `reports` let its person see the report at this moment.
create or replace function app_hidden.take_report(report_id uuid, format app_public.report_format)
returns table (kind text, format text, byte_count bigint, content_sha256 text, formatted_at timestamptz) as $$
  select
    case when r.clinic_id is null then 'organization-' else 'clinic-' end || r.period || '-' || r.starts_on,
    take_report.format::text,
    case take_report.format when 'html' then r.html_byte_count else r.csv_byte_count end,
    case take_report.format when 'html' then r.html_sha256 else r.csv_sha256 end,
    r.written_at
  from app_public.reports r
  where r.id = take_report.report_id
  and r.files_expire_at > now();
$$ language sql stable strict set search_path to '';

-- Invoker: the policies of `reports` decide whose it is to fetch, now and each time that the link is followed.
create or replace function app_public.create_report_link(report_id uuid, format app_public.report_format = 'html')
returns app_public.export_link as $$
declare
  v_organization_id uuid;
begin
  select r.organization_id into v_organization_id
  from app_public.reports r
  where r.id = create_report_link.report_id
  and r.files_expire_at > now();
  if v_organization_id is null then
    raise exception 'There is no such report to be fetched.' using errcode = 'NTFND';
  end if;
  return app_hidden.link_report(v_organization_id, create_report_link.report_id, create_report_link.format);
end;
$$ language plpgsql volatile strict set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_hidden.take_report(uuid, app_public.report_format),
  app_public.create_report_link(uuid, app_public.report_format)
to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.create_report_link(uuid, app_public.report_format) is '@argument report_id The uuid (rowId) of the report.
@argument format Which of its files.
Makes a link by which the caller fetches a report’s file: for five minutes, and while they may read the report.';
--! EndIncluded metrics/write_report.sql
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

-- Which of these exports and reports have files that may still be fetched, and their hashes; for clearing the folder of all
-- others.
create or replace function app_hidden.live_exports(export_ids uuid[]) returns table (id uuid, content_sha256 text) as $$
  select r.id, r.content_sha256
  from app_public.export_requests r
  where r.id = any (live_exports.export_ids)
  and r.status = 'ready'
  and r.expires_at > now()
  union all
  select r.id, f.sha256
  from app_public.reports r
  cross join lateral unnest(array[r.html_sha256, r.csv_sha256]) as f (sha256)
  where r.id = any (live_exports.export_ids)
  and r.files_expire_at > now();
$$ language sql stable security definer set search_path to '';

grant execute on function app_hidden.live_exports(uuid[]) to app_worker;

reset role;

create or replace trigger _900_enqueue
  after insert on app_public.export_requests
  for each row
  when (NEW.created_by is not null)
  execute function app_private.tg_export_requests__enqueue();
--! EndIncluded jobs/enqueue_exports.sql

select app_audit.note_sensitivity();
