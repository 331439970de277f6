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

--!include metrics/metric_definitions.sql
--!include metrics/known_metrics.sql
--!include metrics/metric_aggregations.sql
--!include metrics/goal_templates.sql
--!include metrics/goals.sql
--!include metrics/goal_progress.sql
--!include metrics/keep_aggregations.sql
--!include metrics/keep_goal_progress.sql
--!include metrics/metric_tables.sql
--!include metrics/financial_metrics.sql
--!include metrics/appointment_metrics.sql
--!include metrics/call_metrics.sql
--!include metrics/patient_metrics.sql
--!include metrics/rebuild_aggregations.sql
--!include metrics/derive_metrics.sql
--!include metrics/calculate_metrics.sql
--!include metrics/create_goal.sql
--!include metrics/reports.sql
--!include metrics/create_report.sql
