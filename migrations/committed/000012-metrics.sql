--! Previous: sha1:1428b90f39725afadd153917a5ff4d77c22a9733
--! Hash: sha1:21ade3278e1ce8912f627c3a1cb92af091a313d5
--! Message: metrics

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 090-metrics.sql
do $$
begin
  if to_regtype('app_public.metric_area') is null then
    create type app_public.metric_area as enum ('financial', 'appointment', 'call', 'patient');
  end if;
  if to_regtype('app_public.metric_unit') is null then
    create type app_public.metric_unit as enum ('count', 'cents', 'minutes', 'percent');
  end if;
  if to_regtype('app_public.metric_source') is null then
    create type app_public.metric_source as enum ('manual', 'derived', 'integration');
  end if;
  if to_regtype('app_public.metric_period') is null then
    create type app_public.metric_period as enum ('day', 'week', 'month');
  end if;
  if to_regtype('app_public.goal_measure') is null then
    create type app_public.goal_measure as enum ('total', 'average');
  end if;
  if to_regtype('app_public.goal_direction') is null then
    create type app_public.goal_direction as enum ('at_least', 'at_most');
  end if;
  if to_regtype('app_public.goal_period') is null then
    create type app_public.goal_period as enum ('week', 'month', 'quarter', 'year');
  end if;
  if to_regtype('app_public.report_period') is null then
    create type app_public.report_period as enum ('week', 'month');
  end if;
  -- A change of the rows of one clinic, day, key and source; and what that means for one aggregation.
  if to_regtype('app_private.metric_delta') is null then
    create type app_private.metric_delta as (
      organization_id uuid,
      clinic_id uuid,
      area app_public.metric_area,
      metric_key text,
      source app_public.metric_source,
      day date,
      sum numeric,
      count bigint
    );
  end if;
  if to_regtype('app_private.aggregation_delta') is null then
    create type app_private.aggregation_delta as (
      organization_id uuid,
      clinic_id uuid,
      area app_public.metric_area,
      metric_key text,
      source app_public.metric_source,
      period app_public.metric_period,
      starts_on date,
      sum numeric,
      count bigint
    );
  end if;
  -- What calculate_metrics() finds in the records of a clinic's day.
  if to_regtype('app_private.derived_metric') is null then
    create type app_private.derived_metric as (clinic_id uuid, day date, metric_key text, value numeric);
  end if;
end
$$;

-- What the software can measure: the same for every tenant.
create table if not exists app_public.metric_definitions (
  id uuid primary key default app_hidden.uuid_v7(),
  area app_public.metric_area not null,
  key text not null unique,
  name text not null,
  description text not null,
  unit app_public.metric_unit not null,
  is_derived boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (area, key),
  constraint metric_definitions_key_is_normal check (key ~ '^[a-z][a-z0-9_]{0,62}$')
);

-- The four tables of rows have one shape. `area` is the same in every row of a table: with it, the foreign key takes
-- only the definitions that belong there.
create table if not exists app_public.financial_metrics (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null default app_hidden.default_organization_id(),
  clinic_id uuid not null default app_hidden.default_clinic_id(),
  area app_public.metric_area not null generated always as ('financial'::app_public.metric_area) stored,
  metric_key text not null,
  day date not null,
  source app_public.metric_source not null default 'manual',
  value numeric(18, 2) not null,
  note text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  unique (organization_id, clinic_id, day, metric_key, source),
  foreign key (organization_id, clinic_id) references app_public.clinics (organization_id, id) on delete restrict,
  constraint financial_metrics_definition_fkey foreign key (area, metric_key)
    references app_public.metric_definitions (area, key) on delete restrict,
  constraint financial_metrics_value_is_a_number check (value <> 'NaN'),
  constraint financial_metrics_day_is_plausible check (day between '1900-01-01' and '2200-01-01'),
  constraint financial_metrics_note_is_short check (length(note) <= 1000)
);
create index if not exists financial_metrics_area_metric_key_idx on app_public.financial_metrics (area, metric_key);

create table if not exists app_public.appointment_metrics (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null default app_hidden.default_organization_id(),
  clinic_id uuid not null default app_hidden.default_clinic_id(),
  area app_public.metric_area not null generated always as ('appointment'::app_public.metric_area) stored,
  metric_key text not null,
  day date not null,
  source app_public.metric_source not null default 'manual',
  value numeric(18, 2) not null,
  note text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  unique (organization_id, clinic_id, day, metric_key, source),
  foreign key (organization_id, clinic_id) references app_public.clinics (organization_id, id) on delete restrict,
  constraint appointment_metrics_definition_fkey foreign key (area, metric_key)
    references app_public.metric_definitions (area, key) on delete restrict,
  constraint appointment_metrics_value_is_a_number check (value <> 'NaN'),
  constraint appointment_metrics_day_is_plausible check (day between '1900-01-01' and '2200-01-01'),
  constraint appointment_metrics_note_is_short check (length(note) <= 1000)
);
create index if not exists appointment_metrics_area_metric_key_idx on app_public.appointment_metrics (area, metric_key);

create table if not exists app_public.call_metrics (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null default app_hidden.default_organization_id(),
  clinic_id uuid not null default app_hidden.default_clinic_id(),
  area app_public.metric_area not null generated always as ('call'::app_public.metric_area) stored,
  metric_key text not null,
  day date not null,
  source app_public.metric_source not null default 'manual',
  value numeric(18, 2) not null,
  note text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  unique (organization_id, clinic_id, day, metric_key, source),
  foreign key (organization_id, clinic_id) references app_public.clinics (organization_id, id) on delete restrict,
  constraint call_metrics_definition_fkey foreign key (area, metric_key)
    references app_public.metric_definitions (area, key) on delete restrict,
  constraint call_metrics_value_is_a_number check (value <> 'NaN'),
  constraint call_metrics_day_is_plausible check (day between '1900-01-01' and '2200-01-01'),
  constraint call_metrics_note_is_short check (length(note) <= 1000)
);
create index if not exists call_metrics_area_metric_key_idx on app_public.call_metrics (area, metric_key);

create table if not exists app_public.patient_metrics (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null default app_hidden.default_organization_id(),
  clinic_id uuid not null default app_hidden.default_clinic_id(),
  area app_public.metric_area not null generated always as ('patient'::app_public.metric_area) stored,
  metric_key text not null,
  day date not null,
  source app_public.metric_source not null default 'manual',
  value numeric(18, 2) not null,
  note text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  unique (organization_id, clinic_id, day, metric_key, source),
  foreign key (organization_id, clinic_id) references app_public.clinics (organization_id, id) on delete restrict,
  constraint patient_metrics_definition_fkey foreign key (area, metric_key)
    references app_public.metric_definitions (area, key) on delete restrict,
  constraint patient_metrics_value_is_a_number check (value <> 'NaN'),
  constraint patient_metrics_day_is_plausible check (day between '1900-01-01' and '2200-01-01'),
  constraint patient_metrics_note_is_short check (length(note) <= 1000)
);
create index if not exists patient_metrics_area_metric_key_idx on app_public.patient_metrics (area, metric_key);

-- Sums and counts, never averages: those of a month are not the mean of its days'. A row without a clinic is the
-- organization's total; `scope_id` stands for either in the key, where a null would match nothing.
create table if not exists app_public.metric_aggregations (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null references app_public.organizations on delete cascade,
  clinic_id uuid,
  scope_id uuid not null generated always as (coalesce(clinic_id, organization_id)) stored,
  area app_public.metric_area not null,
  metric_key text not null,
  source app_public.metric_source not null,
  period app_public.metric_period not null,
  starts_on date not null,
  sum numeric not null,
  count bigint not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, scope_id, period, area, metric_key, source, starts_on),
  foreign key (organization_id, clinic_id) references app_public.clinics (organization_id, id) on delete cascade,
  constraint metric_aggregations_definition_fkey foreign key (area, metric_key)
    references app_public.metric_definitions (area, key) on delete restrict,
  constraint metric_aggregations_counts_rows check (count > 0),
  constraint metric_aggregations_starts_its_period check (
    case period
      when 'day' then true
      when 'week' then extract(isodow from starts_on) = 1
      when 'month' then extract(day from starts_on) = 1
    end
  )
);
-- Without `period`: the comparison of an enum is not leakproof, so row security keeps it from being looked up by index.
create index if not exists metric_aggregations_organization_id_clinic_id_idx
  on app_public.metric_aggregations (organization_id, clinic_id, metric_key, starts_on);
create index if not exists metric_aggregations_organization_id_starts_on_idx
  on app_public.metric_aggregations (organization_id, starts_on desc, id desc);
create index if not exists metric_aggregations_area_metric_key_idx
  on app_public.metric_aggregations (area, metric_key);

create table if not exists app_public.goal_templates (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null default app_hidden.default_organization_id()
    references app_public.organizations on delete cascade,
  name text not null,
  description text,
  area app_public.metric_area not null,
  metric_key text not null,
  source app_public.metric_source,
  measure app_public.goal_measure not null default 'total',
  direction app_public.goal_direction not null default 'at_least',
  period app_public.goal_period not null default 'month',
  target numeric(18, 2) not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  unique (organization_id, id),
  unique (organization_id, name),
  constraint goal_templates_definition_fkey foreign key (area, metric_key)
    references app_public.metric_definitions (area, key) on delete restrict,
  constraint goal_templates_name_is_short check (length(name) between 1 and 200),
  constraint goal_templates_target_is_a_number check (target <> 'NaN')
);
create index if not exists goal_templates_area_metric_key_idx on app_public.goal_templates (area, metric_key);

create table if not exists app_public.goals (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null default app_hidden.default_organization_id()
    references app_public.organizations on delete cascade,
  clinic_id uuid,
  goal_template_id uuid,
  name text not null,
  area app_public.metric_area not null,
  metric_key text not null,
  source app_public.metric_source,
  measure app_public.goal_measure not null default 'total',
  direction app_public.goal_direction not null default 'at_least',
  target numeric(18, 2) not null,
  starts_on date not null,
  ends_on date not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  unique (organization_id, id),
  foreign key (organization_id, clinic_id) references app_public.clinics (organization_id, id) on delete restrict,
  foreign key (organization_id, goal_template_id)
    references app_public.goal_templates (organization_id, id) on delete set null (goal_template_id),
  constraint goals_definition_fkey foreign key (area, metric_key)
    references app_public.metric_definitions (area, key) on delete restrict,
  constraint goals_name_is_short check (length(name) between 1 and 200),
  constraint goals_target_is_a_number check (target <> 'NaN'),
  constraint goals_period_is_in_order check (ends_on >= starts_on)
);
create index if not exists goals_organization_id_clinic_id_idx
  on app_public.goals (organization_id, clinic_id, ends_on desc, id);
create index if not exists goals_organization_id_goal_template_id_idx
  on app_public.goals (organization_id, goal_template_id);
create index if not exists goals_organization_id_metric_key_idx
  on app_public.goals (organization_id, area, metric_key, starts_on, ends_on);
create index if not exists goals_area_metric_key_idx on app_public.goals (area, metric_key);

create table if not exists app_public.goal_progress (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null,
  clinic_id uuid,
  goal_id uuid not null,
  sum numeric not null default 0,
  count bigint not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, goal_id),
  foreign key (organization_id, goal_id) references app_public.goals (organization_id, id) on delete cascade,
  constraint goal_progress_counts_rows check (count >= 0)
);
create index if not exists goal_progress_organization_id_clinic_id_idx
  on app_public.goal_progress (organization_id, clinic_id);

create table if not exists app_public.reports (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null default app_hidden.default_organization_id()
    references app_public.organizations on delete cascade,
  clinic_id uuid,
  period app_public.report_period not null,
  starts_on date not null,
  ends_on date not null,
  figures jsonb not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  unique (organization_id, id),
  unique (organization_id, clinic_id, id),
  unique nulls not distinct (organization_id, clinic_id, period, starts_on),
  foreign key (organization_id, clinic_id) references app_public.clinics (organization_id, id) on delete restrict,
  constraint reports_period_is_in_order check (ends_on >= starts_on),
  constraint reports_figures_are_a_list check (jsonb_typeof(figures) = 'array')
);
create index if not exists reports_organization_id_starts_on_idx
  on app_public.reports (organization_id, starts_on desc, id desc);

--! Included metrics/metric_definitions.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.metric_definitions');

-- Belongs to no tenant: what can be measured is the same for everybody.
create policy select_signed_in on app_public.metric_definitions
  for select to app_user
  using ((select app_hidden.current_user_id()) is not null);

-- known_metrics.sql writes them, as part of a migration.
create policy select_data on app_public.metric_definitions
  for select to app_data
  using (true);
create policy insert_data on app_public.metric_definitions
  for insert to app_data
  with check (true);
create policy update_data on app_public.metric_definitions
  for update to app_data
  using (true)
  with check (true);

-- calculate_metrics() sorts what it finds into the tables.
create policy select_definer on app_public.metric_definitions
  for select to app_definer
  using (true);

-- A sync has to know which keys there are.
create policy select_worker on app_public.metric_definitions
  for select to app_worker
  using (true);

grant select (id, area, key, name, description, unit, is_derived, created_at, updated_at)
on app_public.metric_definitions to app_user, app_worker;
grant select, insert (area, key, name, description, unit, is_derived), update (name, description, unit, is_derived)
on app_public.metric_definitions to app_data;
grant select on app_public.metric_definitions to app_definer;
-- No write grant for requests: a key means the same in every tenant and every release.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.metric_definitions');
select app_private.audit_changes('app_public.metric_definitions', 'id', '');

-- Documentation ---------------------------------------------------------------

comment on table app_public.metric_definitions is 'Something that can be measured in a clinic, day by day.';
comment on column app_public.metric_definitions.id is 'The definition’s id.';
comment on column app_public.metric_definitions.area is 'Which of the four tables its rows are in.';
comment on column app_public.metric_definitions.key is 'The name that rows, goals and aggregations know it by.';
comment on column app_public.metric_definitions.name is 'What people call it.';
comment on column app_public.metric_definitions.description is 'What exactly is counted.';
comment on column app_public.metric_definitions.unit is 'What its values are.';
comment on column app_public.metric_definitions.is_derived is
  'Whether `calculateMetrics` finds it in appointments and care sessions. It can be entered by hand all the same.';
comment on column app_public.metric_definitions.created_at is 'When it was defined.';
comment on column app_public.metric_definitions.updated_at is 'When it last changed.';
comment on type app_public.metric_area is '@value financial Money.
@value appointment Appointments and care sessions.
@value call Calls.
@value patient Patients.
What a metric is about.';
comment on type app_public.metric_unit is '@value count How many.
@value cents Hundredths of the organization’s currency.
@value minutes Minutes.
@value percent Hundredths of a whole.
What the values of a metric are.';
comment on type app_public.metric_source is '@value manual Entered by hand.
@value derived Derived from the clinic’s own records.
@value integration Brought by an integration or import.
Where a value comes from.';
comment on type app_public.metric_period is '@value day A day.
@value week A week, from Monday on.
@value month A calendar month.
The length of time that an aggregation sums up.';
--! EndIncluded metrics/metric_definitions.sql
--! Included metrics/known_metrics.sql
-- Everything that can be measured. A line that changes here changes the row; the check at the end fails the migration
-- if row security had let a write touch nothing.
set local role app_data;

do $$
declare
  v_metrics text[] := array[
    -- area, key, name, unit, derived, description
    ['financial', 'revenue', 'Revenue', 'cents', 'true', 'Costs of the care sessions completed that day, where known.'],
    ['financial', 'payments_received', 'Payments received', 'cents', 'false', 'Money that came in that day.'],
    ['financial', 'expenses', 'Expenses', 'cents', 'false', 'Money that was spent that day.'],
    ['financial', 'receivables', 'Receivables', 'cents', 'false', 'Money that was owed at the end of the day.'],
    ['appointment', 'appointments_booked', 'Booked', 'count', 'true',
      'Appointments of that day, whatever became of them.'],
    ['appointment', 'appointments_completed', 'Completed', 'count', 'true',
      'Appointments of that day that took place.'],
    ['appointment', 'appointments_cancelled', 'Cancelled', 'count', 'true',
      'Appointments of that day that were cancelled.'],
    ['appointment', 'appointments_no_show', 'No-shows', 'count', 'true',
      'Appointments of that day to which the patient did not come.'],
    ['appointment', 'care_sessions_completed', 'Care sessions', 'count', 'true',
      'Care sessions of that day that were completed, with or without an appointment.'],
    ['call', 'calls_received', 'Calls received', 'count', 'false', 'Calls that came in that day.'],
    ['call', 'calls_answered', 'Calls answered', 'count', 'false', 'Calls of that day that were answered.'],
    ['call', 'calls_missed', 'Calls missed', 'count', 'false', 'Calls of that day that nobody answered.'],
    ['call', 'call_minutes', 'Time on calls', 'minutes', 'false', 'Minutes spent on calls that day.'],
    ['patient', 'patients_seen', 'Patients seen', 'count', 'true',
      'Patients with a completed care session that day. A sum over days counts a patient once for each of them.'],
    ['patient', 'patients_new', 'New patients', 'count', 'true',
      'Patients whose first completed care session in the clinic was that day.'],
    ['patient', 'patient_satisfaction', 'Satisfaction', 'percent', 'false', 'Satisfied answers of that day’s survey.']
  ];
  v_count int;
begin
  insert into app_public.metric_definitions as d (area, key, name, unit, is_derived, description)
  select v_metrics[i][1]::app_public.metric_area, v_metrics[i][2], v_metrics[i][3],
    v_metrics[i][4]::app_public.metric_unit, v_metrics[i][5]::boolean, v_metrics[i][6]
  from generate_subscripts(v_metrics, 1) as i
  on conflict (key) do update
  set name = excluded.name, unit = excluded.unit, is_derived = excluded.is_derived, description = excluded.description
  where (d.name, d.unit, d.is_derived, d.description)
    is distinct from (excluded.name, excluded.unit, excluded.is_derived, excluded.description);

  select count(*) into v_count
  from generate_subscripts(v_metrics, 1) as i
  join app_public.metric_definitions d
    on (d.area::text, d.key, d.name, d.unit::text, d.is_derived::text, d.description)
    = (v_metrics[i][1], v_metrics[i][2], v_metrics[i][3], v_metrics[i][4], v_metrics[i][5], v_metrics[i][6]);
  if v_count <> array_length(v_metrics, 1) then
    raise exception '% of % metrics are as this file says.', v_count, array_length(v_metrics, 1);
  end if;
end
$$;

reset role;
--! EndIncluded metrics/known_metrics.sql
--! Included metrics/metric_aggregations.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.metric_aggregations');

create policy tenant_boundary on app_public.metric_aggregations
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

create policy select_scope on app_public.metric_aggregations
  for select to app_user
  using (
    clinic_id = any (array(select app_hidden.metric_clinic_ids()))
    or (clinic_id is null and organization_id = any (array(select app_hidden.metric_organization_ids())))
  );

-- The triggers of the metric tables keep them, whoever writes there.
create policy all_definer on app_public.metric_aggregations
  to app_definer
  using (true)
  with check (true);

create policy select_worker on app_public.metric_aggregations
  for select to app_worker
  using (organization_id = (select app_hidden.current_organization_id()));

grant
  select (
    id, organization_id, clinic_id, scope_id, area, metric_key, source, period, starts_on, sum, count, created_at,
    updated_at
  )
on app_public.metric_aggregations to app_user, app_worker;
grant
  select,
  insert (organization_id, clinic_id, area, metric_key, source, period, starts_on, sum, count),
  update (sum, count),
  delete
on app_public.metric_aggregations to app_definer;
-- No write grant for anybody else, imports included: figures follow the rows they sum up.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.metric_aggregations');
-- Not audited: every change follows from a row that is, and would be six times as many events.

-- Documentation ---------------------------------------------------------------

comment on table app_public.metric_aggregations is
  'Metric values summed up by day, week and month, for each clinic and for the organization as a whole. Always in step with the rows.';
comment on column app_public.metric_aggregations.id is 'The aggregation’s id.';
comment on column app_public.metric_aggregations.organization_id is 'The organization.';
comment on column app_public.metric_aggregations.clinic_id is 'The clinic; null for the whole organization.';
comment on column app_public.metric_aggregations.scope_id is E'@behavior -*\nThe clinic or else the organization.';
comment on column app_public.metric_aggregations.area is
  E'@behavior -orderBy -attribute:orderBy\nWhat the metric is about.';
comment on column app_public.metric_aggregations.metric_key is 'The metric.';
comment on column app_public.metric_aggregations.source is 'Where the values come from. Different sources are never added up.';
comment on column app_public.metric_aggregations.period is 'The length of time.';
comment on column app_public.metric_aggregations.starts_on is 'The first day of it.';
comment on column app_public.metric_aggregations.sum is 'The sum of the values.';
comment on column app_public.metric_aggregations.count is 'How many values there are; the sum divided by it is their mean.';
comment on column app_public.metric_aggregations.created_at is 'When the first value came in.';
comment on column app_public.metric_aggregations.updated_at is 'When the last value came in or changed.';
comment on constraint metric_aggregations_definition_fkey on app_public.metric_aggregations is
  E'@fieldName definition\n@foreignFieldName aggregations';
--! EndIncluded metrics/metric_aggregations.sql
