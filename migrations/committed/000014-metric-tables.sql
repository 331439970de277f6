--! Previous: sha1:96eefa5850e0168b66d5a7566b9ecb98ab63de4a
--! Hash: sha1:6ef83716312b48046b742a433bb5396160455bd8
--! Message: metric-tables

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 094-metric-tables.sql
-- The four areas of metrics, and their calculation; the tables are in an earlier migration.

--! Included metrics/metric_tables.sql
-- The four tables of metric rows differ in nothing but what they are about. Each fixture calls these three, so that
-- they cannot drift apart; like allow_data_role() they add to what reset_access() has cleared.

-- Everybody of the clinic and whoever runs the organization reads. Clinic admins and staff enter, correct and remove
-- what is entered by hand; an integration does so with its own. Derived values come from calculate_metrics() alone.
create or replace function app_private.allow_metric_access(target regclass) returns void as $$
declare
  v_manual text := 'source = ''manual'' and clinic_id = any (array('
    'select app_hidden.clinic_ids_with_role(''{clinic_admin,staff}'')))';
  v_integration text := 'source = ''integration'' and organization_id = (select app_hidden.current_organization_id())';
  v_policy record;
begin
  for v_policy in
    select *
    from (values
      ('select_clinic', 'for select to app_user using (%1$s)',
        'clinic_id = any (array(select app_hidden.metric_clinic_ids()))'),
      ('insert_staff', 'for insert to app_user with check (%1$s)', v_manual),
      ('update_staff', 'for update to app_user using (%1$s) with check (%1$s)', v_manual),
      ('delete_staff', 'for delete to app_user using (%1$s)', v_manual),
      ('select_worker', 'for select to app_worker using (%1$s)',
        'organization_id = (select app_hidden.current_organization_id())'),
      ('insert_worker', 'for insert to app_worker with check (%1$s)', v_integration),
      ('update_worker', 'for update to app_worker using (%1$s) with check (%1$s)', v_integration),
      ('select_definer', 'for select to app_definer using (%1$s)', 'true'),
      ('insert_definer', 'for insert to app_definer with check (%1$s)', 'source = ''derived'''),
      ('update_definer', 'for update to app_definer using (%1$s) with check (%1$s)', 'source = ''derived'''),
      ('delete_definer', 'for delete to app_definer using (%1$s)', 'source = ''derived''')
    ) as policies (name, template, condition)
  loop
    execute format('create policy %I on %s ', v_policy.name, allow_metric_access.target)
      || format(v_policy.template, v_policy.condition);
  end loop;
  execute format(
    'create policy tenant_boundary on %s as restrictive to app_user using (%2$s) with check (%2$s)',
    allow_metric_access.target,
    'organization_id = any (array(select app_hidden.my_organization_ids()))'
  );
  -- No insert of `source` by a person: the default says `manual`.
  execute format(
    'grant select (id, organization_id, clinic_id, area, metric_key, day, source, value, note, created_at, updated_at,'
    ' created_by, updated_by), insert (organization_id, clinic_id, metric_key, day, value, note), update (value, note),'
    ' delete on %s to app_user',
    allow_metric_access.target
  );
  execute format(
    'grant select (id, organization_id, clinic_id, area, metric_key, day, source, value),'
    ' insert (organization_id, clinic_id, metric_key, day, source, value, note), update (value, note)'
    ' on %s to app_worker',
    allow_metric_access.target
  );
  execute format(
    'grant select, insert (organization_id, clinic_id, metric_key, day, source, value), update (value), delete on %s'
    ' to app_definer',
    allow_metric_access.target
  );
end;
$$ language plpgsql volatile set search_path to '';

-- Keeps metric_aggregations and goal_progress in step. Idempotent; ALWAYS, because session_replication_role skips
-- ordinary triggers, and figures that are off stay off.
create or replace function app_private.aggregate_metrics(target regclass) returns void as $$
declare
  v_trigger record;
begin
  for v_trigger in
    select *
    from (values
      ('_050_lock', 'before insert or update or delete', '', 'lock'),
      ('_200_aggregate_insert', 'after insert', 'referencing new table as new_rows', 'aggregate'),
      ('_200_aggregate_update', 'after update', 'referencing old table as old_rows new table as new_rows', 'aggregate'),
      ('_200_aggregate_delete', 'after delete', 'referencing old table as old_rows', 'aggregate')
    ) as triggers (name, event, transition_tables, task)
  loop
    execute format(
      'create or replace trigger %1$I %2$s on %3$s %4$s for each statement'
      ' execute function app_private.tg_metrics__%5$s()',
      v_trigger.name, v_trigger.event, aggregate_metrics.target, v_trigger.transition_tables, v_trigger.task
    );
    execute format('alter table %s enable always trigger %I', aggregate_metrics.target, v_trigger.name);
  end loop;
end;
$$ language plpgsql volatile set search_path to '';

create or replace function app_private.describe_metric_columns(target regclass) returns void as $$
declare
  v_column record;
begin
  for v_column in
    select *
    from (values
      ('id', 'The value’s id.'),
      ('organization_id', 'The organization that runs the clinic.'),
      ('clinic_id', 'The clinic.'),
      ('area', 'What the metric is about: the same in the whole table.'),
      ('metric_key', 'The metric.'),
      ('day', 'The day it is the value of, in the clinic’s time zone.'),
      ('source', 'Where the value comes from.'),
      ('value', 'The value, in the metric’s unit.'),
      ('note', 'What should be known about it. Names no patient.'),
      ('created_at', 'When it was entered.'),
      ('updated_at', 'When it last changed.'),
      ('created_by', 'Who entered it.'),
      ('updated_by', 'Who changed it last.')
    ) as columns (name, description)
  loop
    execute format(
      'comment on column %s.%I is %L', describe_metric_columns.target, v_column.name, v_column.description
    );
  end loop;
end;
$$ language plpgsql volatile set search_path to '';
--! EndIncluded metrics/metric_tables.sql
--! Included metrics/financial_metrics.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.financial_metrics');
select app_private.allow_data_role('app_public.financial_metrics');
select app_private.allow_metric_access('app_public.financial_metrics');

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.financial_metrics');
select app_private.audit_changes('app_public.financial_metrics');
select app_private.aggregate_metrics('app_public.financial_metrics');

-- Documentation ---------------------------------------------------------------

comment on table app_public.financial_metrics is
  'Money of a clinic, by day: revenue, payments, expenses. One value for each day, metric and source.';
select app_private.describe_metric_columns('app_public.financial_metrics');
comment on constraint financial_metrics_definition_fkey on app_public.financial_metrics is
  E'@fieldName definition\n@foreignFieldName financialMetrics';
--! EndIncluded metrics/financial_metrics.sql
--! Included metrics/appointment_metrics.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.appointment_metrics');
select app_private.allow_data_role('app_public.appointment_metrics');
select app_private.allow_metric_access('app_public.appointment_metrics');

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.appointment_metrics');
select app_private.audit_changes('app_public.appointment_metrics');
select app_private.aggregate_metrics('app_public.appointment_metrics');

-- Documentation ---------------------------------------------------------------

comment on table app_public.appointment_metrics is
  'Appointments and care sessions of a clinic, by day: how many, and what became of them. One value for each day, metric and source.';
select app_private.describe_metric_columns('app_public.appointment_metrics');
comment on constraint appointment_metrics_definition_fkey on app_public.appointment_metrics is
  E'@fieldName definition\n@foreignFieldName appointmentMetrics';
--! EndIncluded metrics/appointment_metrics.sql
--! Included metrics/call_metrics.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.call_metrics');
select app_private.allow_data_role('app_public.call_metrics');
select app_private.allow_metric_access('app_public.call_metrics');

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.call_metrics');
select app_private.audit_changes('app_public.call_metrics');
select app_private.aggregate_metrics('app_public.call_metrics');

-- Documentation ---------------------------------------------------------------

comment on table app_public.call_metrics is
  'Telephone calls of a clinic, by day. One value for each day, metric and source.';
select app_private.describe_metric_columns('app_public.call_metrics');
comment on constraint call_metrics_definition_fkey on app_public.call_metrics is
  E'@fieldName definition\n@foreignFieldName callMetrics';
--! EndIncluded metrics/call_metrics.sql
--! Included metrics/patient_metrics.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.patient_metrics');
select app_private.allow_data_role('app_public.patient_metrics');
select app_private.allow_metric_access('app_public.patient_metrics');

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.patient_metrics');
select app_private.audit_changes('app_public.patient_metrics');
select app_private.aggregate_metrics('app_public.patient_metrics');

-- Documentation ---------------------------------------------------------------

comment on table app_public.patient_metrics is
  'Patients of a clinic as numbers, by day: seen, new, satisfied. One value for each day, metric and source.';
select app_private.describe_metric_columns('app_public.patient_metrics');
comment on constraint patient_metrics_definition_fkey on app_public.patient_metrics is
  E'@fieldName definition\n@foreignFieldName patientMetrics';
--! EndIncluded metrics/patient_metrics.sql
--! Included metrics/rebuild_aggregations.sql
set local role app_definer;

-- Recomputes the aggregations of whole organizations from their rows, for every day, week and month that touches the
-- period, and puts right what differs; how many did. The caller holds the organizations' locks. Null means without end.
create or replace function app_private.rebuild_aggregations(organization_ids uuid[], first_day date, last_day date)
returns int as $$
declare
  v_first timestamp := coalesce(rebuild_aggregations.first_day, '-infinity');
  v_last timestamp := coalesce(rebuild_aggregations.last_day, 'infinity');
  -- Rows of all days of those weeks and months.
  v_from date := least(date_trunc('week', v_first), date_trunc('month', v_first));
  v_until date := greatest(
    date_trunc('week', v_last) + interval '6 days',
    date_trunc('month', v_last) + interval '31 days'
  );
  v_deltas app_private.metric_delta[];
  v_differences app_private.aggregation_delta[];
begin
  v_deltas := array(
    select row(r.organization_id, r.clinic_id, r.area, r.metric_key, r.source, r.day, r.value, 1)
      ::app_private.metric_delta
    from (
      select m.organization_id, m.clinic_id, m.area, m.metric_key, m.source, m.day, m.value
      from app_public.financial_metrics m
      union all
      select m.organization_id, m.clinic_id, m.area, m.metric_key, m.source, m.day, m.value
      from app_public.appointment_metrics m
      union all
      select m.organization_id, m.clinic_id, m.area, m.metric_key, m.source, m.day, m.value
      from app_public.call_metrics m
      union all
      select m.organization_id, m.clinic_id, m.area, m.metric_key, m.source, m.day, m.value
      from app_public.patient_metrics m
    ) r
    where r.organization_id = any (rebuild_aggregations.organization_ids)
    and r.day between v_from and v_until
  );
  v_differences := array(
    select row(
      d.organization_id, d.clinic_id, d.area, d.metric_key, d.source, d.period, d.starts_on, sum(d.sum), sum(d.count)
    )::app_private.aggregation_delta
    from (
      select e.organization_id, e.clinic_id, e.area, e.metric_key, e.source, e.period, e.starts_on, e.sum, e.count
      from unnest(app_private.aggregation_deltas(v_deltas)) as e
      union all
      select a.organization_id, a.clinic_id, a.area, a.metric_key, a.source, a.period, a.starts_on, -a.sum, -a.count
      from app_public.metric_aggregations a
      where a.organization_id = any (rebuild_aggregations.organization_ids)
    ) d
    where d.starts_on between date_trunc(d.period::text, v_first)::date and date_trunc(d.period::text, v_last)::date
    group by d.organization_id, d.clinic_id, d.area, d.metric_key, d.source, d.period, d.starts_on
    having sum(d.sum) <> 0 or sum(d.count) <> 0
  );
  return app_private.merge_aggregations(v_differences)
    + app_private.recount_goals(rebuild_aggregations.organization_ids);
end;
$$ language plpgsql volatile set search_path to '';

reset role;
--! EndIncluded metrics/rebuild_aggregations.sql
--! Included metrics/derive_metrics.sql
set local role app_definer;

-- What happened in the clinics on those days, in each clinic's own time zone. Policies of appointments and
-- care_sessions hold it to the clinics that the caller may have measured.
create or replace function app_private.count_days(
  organization_id uuid,
  clinic_ids uuid[],
  first_day date,
  last_day date
) returns app_private.derived_metric[] as $$
begin
  return array(
    with clinics as materialized (
      select c.id, c.timezone,
        coalesce(count_days.first_day, '-infinity')::timestamp at time zone c.timezone as starts_at,
        coalesce(count_days.last_day + 1, 'infinity')::timestamp at time zone c.timezone as ends_at
      from app_public.clinics c
      where c.organization_id = count_days.organization_id
      and c.id = any (count_days.clinic_ids)
    ),
    appointment_days as (
      select c.id as clinic_id, (a.starts_at at time zone c.timezone)::date as day, count(*) as booked,
        count(*) filter (where a.status = 'completed') as completed,
        count(*) filter (where a.status = 'cancelled') as cancelled,
        count(*) filter (where a.status = 'no_show') as no_show
      from clinics c
      join app_public.appointments a
        on a.organization_id = count_days.organization_id
        and a.clinic_id = c.id
        and a.starts_at >= c.starts_at
        and a.starts_at < c.ends_at
      group by 1, 2
    ),
    session_days as (
      select c.id as clinic_id, (s.started_at at time zone c.timezone)::date as day, count(*) as completed,
        sum(s.cost_cents) as revenue, count(distinct s.patient_id) as seen,
        count(distinct s.patient_id) filter (
          where not exists (
            select from app_public.care_sessions e
            where e.organization_id = count_days.organization_id
            and e.patient_id = s.patient_id
            and e.clinic_id = s.clinic_id
            and e.started_at < s.started_at
            and e.status = 'completed'
          )
        ) as new
      from clinics c
      join app_public.care_sessions s
        on s.organization_id = count_days.organization_id
        and s.clinic_id = c.id
        and s.started_at >= c.starts_at
        and s.started_at < c.ends_at
        and s.status = 'completed'
      group by 1, 2
    )
    select row(d.clinic_id, d.day, f.metric_key, f.value)::app_private.derived_metric
    from appointment_days d
    cross join lateral (values
      ('appointments_booked', d.booked),
      ('appointments_completed', d.completed),
      ('appointments_cancelled', d.cancelled),
      ('appointments_no_show', d.no_show)
    ) as f (metric_key, value)
    union all
    select row(d.clinic_id, d.day, f.metric_key, f.value)::app_private.derived_metric
    from session_days d
    cross join lateral (values
      ('care_sessions_completed', d.completed::numeric),
      ('revenue', d.revenue),
      ('patients_seen', d.seen::numeric),
      ('patients_new', d.new::numeric)
    ) as f (metric_key, value)
    -- A cost that nobody knows is no revenue of nothing.
    where f.value is not null
  );
end;
$$ language plpgsql stable set search_path to '';

-- Makes the derived rows of the clinics and days exactly those; how many it had to change. The caller holds the locks.
create or replace function app_private.write_derived_metrics(
  organization_id uuid,
  clinic_ids uuid[],
  first_day date,
  last_day date,
  metrics app_private.derived_metric[]
) returns int as $$
declare
  v_area app_public.metric_area;
  v_target regclass;
  v_count int;
  v_changed int := 0;
begin
  foreach v_area in array enum_range(null::app_public.metric_area) loop
    v_target := format('app_public.%I', v_area || '_metrics')::regclass;
    execute format(
      'delete from %s as m where m.organization_id = $1 and m.clinic_id = any ($2) and m.source = ''derived'''
      ' and m.day between $3 and $4 and not exists (select from unnest($5) as f'
      ' where f.clinic_id = m.clinic_id and f.day = m.day and f.metric_key = m.metric_key)',
      v_target
    ) using organization_id, clinic_ids, coalesce(first_day, '-infinity'), coalesce(last_day, 'infinity'), metrics;
    get diagnostics v_count = row_count;
    v_changed := v_changed + v_count;
    -- Only what differs goes near the triggers: a daily run finds most of it as it was. `except`, because it hashes
    -- whatever the planner believes an array holds.
    execute format(
      'insert into %1$s (organization_id, clinic_id, metric_key, day, source, value)'
      ' select $1, f.clinic_id, f.metric_key, f.day, ''derived'', f.value from ('
      ' select f.clinic_id, f.metric_key, f.day, f.value from unnest($5) as f'
      ' join app_public.metric_definitions d on d.key = f.metric_key and d.area = $6'
      ' except'
      ' select m.clinic_id, m.metric_key, m.day, m.value from %1$s m where m.organization_id = $1'
      ' and m.clinic_id = any ($2) and m.source = ''derived'' and m.day between $3 and $4'
      ') f on conflict (organization_id, clinic_id, day, metric_key, source) do update set value = excluded.value',
      v_target
    ) using organization_id, clinic_ids, coalesce(first_day, '-infinity'), coalesce(last_day, 'infinity'), metrics,
      v_area;
    get diagnostics v_count = row_count;
    v_changed := v_changed + v_count;
  end loop;
  return v_changed;
end;
$$ language plpgsql volatile set search_path to '';

reset role;
--! EndIncluded metrics/derive_metrics.sql
--! Included metrics/calculate_metrics.sql
set local role app_definer;

-- The three steps of every calculation, for clinics that the caller may have measured. Locks first, rows after.
create or replace function app_private.calculate_clinics(
  organization_id uuid,
  clinic_ids uuid[],
  first_day date,
  last_day date
) returns int as $$
declare
  v_changed int;
begin
  perform app_private.lock_metrics(array[calculate_clinics.organization_id]);
  v_changed := app_private.write_derived_metrics(
    calculate_clinics.organization_id,
    calculate_clinics.clinic_ids,
    calculate_clinics.first_day,
    calculate_clinics.last_day,
    app_private.count_days(
      calculate_clinics.organization_id,
      calculate_clinics.clinic_ids,
      calculate_clinics.first_day,
      calculate_clinics.last_day
    )
  );
  return v_changed + app_private.rebuild_aggregations(
    array[calculate_clinics.organization_id],
    calculate_clinics.first_day,
    calculate_clinics.last_day
  );
end;
$$ language plpgsql volatile set search_path to '';

-- A definer function, because derived rows are written by nobody else, and because who runs an organization may have
-- its clinics counted without reading their records. A clinic of another tenant and none at all get one answer.
create or replace function app_public.calculate_metrics(
  first_day date,
  last_day date,
  clinic_id uuid = app_hidden.default_clinic_id()
) returns int as $$
declare
  v_organization_id uuid;
begin
  if calculate_metrics.clinic_id is null then
    raise exception 'Say which clinic: send X-Clinic-Id or clinicId.' using errcode = 'BADIN';
  end if;
  if calculate_metrics.first_day is null or calculate_metrics.last_day is null
    or calculate_metrics.last_day - calculate_metrics.first_day not between 0 and 3660
  then
    raise exception 'A first and a last day are needed, in this order and at most ten years apart.'
      using errcode = 'BADIN';
  end if;
  select c.organization_id into v_organization_id
  from app_public.clinics c
  where c.id = calculate_metrics.clinic_id
  and c.id = any (array(select app_hidden.measured_clinic_ids()));
  if v_organization_id is null then
    raise exception 'There is no such clinic.' using errcode = 'NTFND';
  end if;
  return app_private.calculate_clinics(
    v_organization_id,
    array[calculate_metrics.clinic_id],
    calculate_metrics.first_day,
    calculate_metrics.last_day
  );
end;
$$ language plpgsql volatile security definer set search_path to '';

-- All clinics of an organization at once, for imports (without days: everything there is) and the daily job. Both roles
-- reach no organization but those they declared.
create or replace function app_hidden.calculate_organization_metrics(
  organization_id uuid,
  first_day date = null,
  last_day date = null
) returns int as $$
declare
  v_clinic_ids uuid[] := array(
    select c.id
    from app_public.clinics c
    where c.organization_id = calculate_organization_metrics.organization_id
    and c.id = any (array(select app_hidden.measured_clinic_ids()))
  );
begin
  if cardinality(v_clinic_ids) = 0 then
    return 0;
  end if;
  return app_private.calculate_clinics(
    calculate_organization_metrics.organization_id,
    v_clinic_ids,
    calculate_organization_metrics.first_day,
    calculate_organization_metrics.last_day
  );
end;
$$ language plpgsql volatile security definer set search_path to '';

-- For the schedule, which belongs to no organization.
create or replace function app_hidden.enqueue_metric_calculations() returns int as $$
begin
  return app_private.add_job_for_each_organization('metrics__calculate');
end;
$$ language plpgsql volatile security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_public.calculate_metrics(date, date, uuid) to app_user;
grant execute on function app_hidden.calculate_organization_metrics(uuid, date, date) to app_worker, app_data;
grant execute on function app_hidden.enqueue_metric_calculations() to app_worker;

-- Documentation ---------------------------------------------------------------

comment on function app_public.calculate_metrics(date, date, uuid) is '@argument first_day The first of the days, in the clinic’s time zone.
@argument last_day The last of them.
Derives a clinic’s metrics of some days from its appointments and care sessions, and recomputes all aggregations of those days. Returns how many figures changed: 0 if everything was right.';

reset role;
--! EndIncluded metrics/calculate_metrics.sql
