--! Previous: sha1:6ef83716312b48046b742a433bb5396160455bd8
--! Hash: sha1:05207676fd695f093f8c3fcace8e0ffedeb67df0
--! Message: reports

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 096-reports.sql
-- Reports, and goals made from templates; the tables are in an earlier migration.

--! Included metrics/create_goal.sql
-- Invoker: the policies of goal_templates and goals decide.
create or replace function app_public.create_goal_from_template(
  goal_template_id uuid,
  starts_on date,
  clinic_id uuid = app_hidden.default_clinic_id()
) returns app_public.goals as $$
declare
  v_goal app_public.goals;
begin
  insert into app_public.goals (
    organization_id, clinic_id, goal_template_id, name, area, metric_key, source, measure, direction, target, starts_on,
    ends_on
  )
  select t.organization_id, create_goal_from_template.clinic_id, t.id, t.name, t.area, t.metric_key, t.source,
    t.measure, t.direction, t.target, create_goal_from_template.starts_on,
    (
      create_goal_from_template.starts_on + case t.period
        when 'week' then interval '1 week'
        when 'month' then interval '1 month'
        when 'quarter' then interval '3 months'
        when 'year' then interval '1 year'
      end - interval '1 day'
    )::date
  from app_public.goal_templates t
  where t.id = create_goal_from_template.goal_template_id
  returning * into v_goal;
  if v_goal.id is null then
    raise exception 'There is no such template.' using errcode = 'NTFND';
  end if;
  return v_goal;
end;
$$ language plpgsql volatile set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_public.create_goal_from_template(uuid, date, uuid) to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.create_goal_from_template(uuid, date, uuid) is '@argument starts_on The first day that counts.
Sets a goal for the template’s length of time from a day on: for a clinic, or with clinicId null for the whole organization.';
--! EndIncluded metrics/create_goal.sql
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

grant
  select (
    id, organization_id, clinic_id, period, starts_on, ends_on, figures, created_at, updated_at, created_by, updated_by
  ),
  insert (organization_id, clinic_id, period, starts_on, ends_on, figures),
  update (figures)
on app_public.reports to app_user, app_worker;
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
--! Included metrics/create_report.sql
-- Invoker: the policies of metric_aggregations decide what goes in, those of reports who may make one.
create or replace function app_public.create_report(
  period app_public.report_period,
  day date,
  clinic_id uuid = app_hidden.default_clinic_id(),
  organization_id uuid = app_hidden.default_organization_id()
) returns app_public.reports as $$
declare
  v_length interval := ('1 ' || create_report.period)::interval;
  v_period app_public.metric_period := create_report.period::text::app_public.metric_period;
  v_starts_on date := date_trunc(create_report.period::text, create_report.day::timestamp)::date;
  v_figures jsonb;
  v_report app_public.reports;
begin
  if create_report.period is null or create_report.day is null or create_report.organization_id is null then
    raise exception 'A period, a day in it and an organization are needed.' using errcode = 'BADIN';
  end if;
  select coalesce(jsonb_agg(
    jsonb_build_object(
      'area', a.area, 'metricKey', a.metric_key, 'source', a.source, 'sum', a.sum, 'count', a.count,
      'previousSum', b.sum
    )
    order by a.area, a.metric_key, a.source
  ), '[]')
  into v_figures
  from app_public.metric_aggregations a
  left join app_public.metric_aggregations b
    on b.organization_id = a.organization_id
    and b.scope_id = a.scope_id
    and b.period = a.period
    and b.area = a.area
    and b.metric_key = a.metric_key
    and b.source = a.source
    and b.starts_on = (a.starts_on - v_length)::date
  where a.organization_id = create_report.organization_id
  and a.scope_id = coalesce(create_report.clinic_id, create_report.organization_id)
  and a.period = v_period
  and a.starts_on = v_starts_on;

  insert into app_public.reports as r (organization_id, clinic_id, period, starts_on, ends_on, figures)
  values (
    create_report.organization_id,
    create_report.clinic_id,
    create_report.period,
    v_starts_on,
    (v_starts_on + v_length - interval '1 day')::date,
    v_figures
  )
  on conflict on constraint reports_organization_id_clinic_id_period_starts_on_key
  do update set figures = excluded.figures
  returning * into v_report;
  return v_report;
end;
$$ language plpgsql volatile set search_path to '';

set local role app_definer;

-- For the schedule, which belongs to no organization. The reports are of the week that `day` is in.
create or replace function app_hidden.enqueue_weekly_reports(day date) returns int as $$
begin
  return app_private.add_job_for_each_organization(
    'report__create_weekly',
    jsonb_build_object('day', enqueue_weekly_reports.day)
  );
end;
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_hidden.enqueue_weekly_reports(date) to app_worker;

reset role;

-- Access ----------------------------------------------------------------------

grant execute on function app_public.create_report(app_public.report_period, date, uuid, uuid) to app_user, app_worker;

-- Documentation ---------------------------------------------------------------

comment on function app_public.create_report(app_public.report_period, date, uuid, uuid) is '@argument period How long a time it covers.
@argument day Any day of the week or month.
Makes the report of the week or month that a day is in, or brings it up to date: for a clinic, or with clinicId null for the whole organization.';
--! EndIncluded metrics/create_report.sql
