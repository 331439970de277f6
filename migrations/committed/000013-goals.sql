--! Previous: sha1:21ade3278e1ce8912f627c3a1cb92af091a313d5
--! Hash: sha1:96eefa5850e0168b66d5a7566b9ecb98ab63de4a
--! Message: goals

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 092-goals.sql
-- Goals, and what keeps totals and progress right; the tables are in the migration before.

--! Included metrics/goal_templates.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.goal_templates');
select app_private.allow_data_role('app_public.goal_templates');

create policy tenant_boundary on app_public.goal_templates
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

-- Members, not patients.
create policy select_member on app_public.goal_templates
  for select to app_user
  using (
    organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin,member,viewer}')))
    or (select app_hidden.is_superadmin())
  );

create policy insert_administrator on app_public.goal_templates
  for insert to app_user
  with check (organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}'))));

create policy update_administrator on app_public.goal_templates
  for update to app_user
  using (organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}'))))
  with check (organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}'))));

create policy delete_administrator on app_public.goal_templates
  for delete to app_user
  using (organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}'))));

grant
  select (
    id, organization_id, name, description, area, metric_key, source, measure, direction, period, target, created_at,
    updated_at, created_by, updated_by
  ),
  insert (organization_id, name, description, area, metric_key, source, measure, direction, period, target),
  update (name, description, area, metric_key, source, measure, direction, period, target),
  delete
on app_public.goal_templates to app_user;

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.goal_templates');
select app_private.audit_changes('app_public.goal_templates');

-- Documentation ---------------------------------------------------------------

comment on table app_public.goal_templates is
  'A goal that an organization sets again and again. See `createGoalFromTemplate`. Goals made from it stay as they are.';
comment on column app_public.goal_templates.id is 'The template’s id.';
comment on column app_public.goal_templates.organization_id is 'The organization.';
comment on column app_public.goal_templates.name is 'What it is called. Unique within the organization.';
comment on column app_public.goal_templates.description is 'What it is for.';
comment on column app_public.goal_templates.area is 'What the metric is about.';
comment on column app_public.goal_templates.metric_key is 'The metric.';
comment on column app_public.goal_templates.source is 'Which values count; null for those of every source.';
comment on column app_public.goal_templates.measure is 'Whether the values’ sum or their mean is held against the target.';
comment on column app_public.goal_templates.direction is 'Which side of the target is good.';
comment on column app_public.goal_templates.period is 'How long a goal made from it runs.';
comment on column app_public.goal_templates.target is 'The target, in the metric’s unit.';
comment on column app_public.goal_templates.created_at is 'When it was made.';
comment on column app_public.goal_templates.updated_at is 'When it last changed.';
comment on column app_public.goal_templates.created_by is 'Who made it.';
comment on column app_public.goal_templates.updated_by is 'Who changed it last.';
comment on type app_public.goal_measure is '@value total The sum of the values.
@value average Their mean.
What is held against a target.';
comment on type app_public.goal_direction is '@value at_least The target or more.
@value at_most The target or less.
Which side of a target is good.';
comment on type app_public.goal_period is '@value week Seven days.
@value month A month.
@value quarter Three months.
@value year A year.
How long a goal runs.';
comment on constraint goal_templates_definition_fkey on app_public.goal_templates is
  E'@fieldName definition\n@foreignFieldName goalTemplates';
--! EndIncluded metrics/goal_templates.sql
--! Included metrics/goals.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.goals');
select app_private.allow_data_role('app_public.goals');

create policy tenant_boundary on app_public.goals
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

-- A goal is seen by those who see the figures it is held against: a clinic's own, or the organization's total.
create policy select_scope on app_public.goals
  for select to app_user
  using (
    clinic_id = any (array(select app_hidden.metric_clinic_ids()))
    or (clinic_id is null and organization_id = any (array(select app_hidden.metric_organization_ids())))
  );

create policy insert_administrator on app_public.goals
  for insert to app_user
  with check (
    clinic_id = any (array(select app_hidden.administered_clinic_ids()))
    or (clinic_id is null and organization_id = any (array(select app_hidden.administered_organization_ids())))
  );

create policy update_administrator on app_public.goals
  for update to app_user
  using (
    clinic_id = any (array(select app_hidden.administered_clinic_ids()))
    or (clinic_id is null and organization_id = any (array(select app_hidden.administered_organization_ids())))
  )
  with check (
    clinic_id = any (array(select app_hidden.administered_clinic_ids()))
    or (clinic_id is null and organization_id = any (array(select app_hidden.administered_organization_ids())))
  );

create policy delete_administrator on app_public.goals
  for delete to app_user
  using (
    clinic_id = any (array(select app_hidden.administered_clinic_ids()))
    or (clinic_id is null and organization_id = any (array(select app_hidden.administered_organization_ids())))
  );

-- The triggers of the metric tables find the goals that a value counts for, whoever enters it.
create policy select_definer on app_public.goals
  for select to app_definer
  using (true);

grant
  select (
    id, organization_id, clinic_id, goal_template_id, name, area, metric_key, source, measure, direction, target,
    starts_on, ends_on, created_at, updated_at, created_by, updated_by
  ),
  insert (
    organization_id, clinic_id, goal_template_id, name, area, metric_key, source, measure, direction, target, starts_on,
    ends_on
  ),
  update (name, area, metric_key, source, measure, direction, target, starts_on, ends_on),
  delete
on app_public.goals to app_user;
grant select on app_public.goals to app_definer;

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.goals');
select app_private.audit_changes('app_public.goals');

-- Documentation ---------------------------------------------------------------

comment on table app_public.goals is 'A target that a clinic, or the organization as a whole, wants to meet in a period.';
comment on column app_public.goals.id is 'The goal’s id.';
comment on column app_public.goals.organization_id is 'The organization.';
comment on column app_public.goals.clinic_id is 'The clinic; null for the whole organization.';
comment on column app_public.goals.goal_template_id is 'The template it was made from, if it was.';
comment on column app_public.goals.name is 'What it is called.';
comment on column app_public.goals.area is 'What the metric is about.';
comment on column app_public.goals.metric_key is 'The metric.';
comment on column app_public.goals.source is 'Which values count; null for those of every source.';
comment on column app_public.goals.measure is 'Whether the values’ sum or their mean is held against the target.';
comment on column app_public.goals.direction is 'Which side of the target is good.';
comment on column app_public.goals.target is 'The target, in the metric’s unit.';
comment on column app_public.goals.starts_on is 'The first day whose values count.';
comment on column app_public.goals.ends_on is 'The last day whose values count.';
comment on column app_public.goals.created_at is 'When it was set.';
comment on column app_public.goals.updated_at is 'When it last changed.';
comment on column app_public.goals.created_by is 'Who set it.';
comment on column app_public.goals.updated_by is 'Who changed it last.';
comment on constraint goals_definition_fkey on app_public.goals is E'@fieldName definition\n@foreignFieldName goals';
--! EndIncluded metrics/goals.sql
--! Included metrics/goal_progress.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.goal_progress');

create policy tenant_boundary on app_public.goal_progress
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

create policy select_scope on app_public.goal_progress
  for select to app_user
  using (
    clinic_id = any (array(select app_hidden.metric_clinic_ids()))
    or (clinic_id is null and organization_id = any (array(select app_hidden.metric_organization_ids())))
  );

-- Kept by the triggers of the metric tables and of goals.
create policy all_definer on app_public.goal_progress
  to app_definer
  using (true)
  with check (true);

grant select (id, organization_id, clinic_id, goal_id, sum, count, created_at, updated_at)
on app_public.goal_progress to app_user;
grant select, insert (organization_id, clinic_id, goal_id, sum, count), update (sum, count)
on app_public.goal_progress to app_definer;
-- No write grant for anybody else: progress is made in the metrics. It goes with its goal, by the foreign key.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.goal_progress');
-- Not audited: every change follows from a row that is.

-- What is held against the target; null while there is nothing to take a mean of.
create or replace function app_public.goal_progress_value(progress app_public.goal_progress) returns numeric as $$
  select case g.measure when 'total' then progress.sum else round(progress.sum / nullif(progress.count, 0), 2) end
  from app_public.goals g
  where g.organization_id = progress.organization_id
  and g.id = progress.goal_id;
$$ language sql stable parallel safe set search_path to '';

create or replace function app_public.goal_progress_is_met(progress app_public.goal_progress) returns boolean as $$
  select coalesce(
    case g.direction
      when 'at_least' then app_public.goal_progress_value(progress) >= g.target
      when 'at_most' then app_public.goal_progress_value(progress) <= g.target
    end,
    false
  )
  from app_public.goals g
  where g.organization_id = progress.organization_id
  and g.id = progress.goal_id;
$$ language sql stable parallel safe set search_path to '';

grant execute on function
  app_public.goal_progress_value(app_public.goal_progress),
  app_public.goal_progress_is_met(app_public.goal_progress)
to app_user;

-- Documentation ---------------------------------------------------------------

comment on table app_public.goal_progress is 'How far a goal is; exactly one for each. Follows every metric value at once.';
comment on column app_public.goal_progress.id is 'The progress’s id.';
comment on column app_public.goal_progress.organization_id is 'The organization.';
comment on column app_public.goal_progress.clinic_id is 'The clinic; null for the whole organization.';
comment on column app_public.goal_progress.goal_id is 'The goal.';
comment on column app_public.goal_progress.sum is 'The sum of the values that count.';
comment on column app_public.goal_progress.count is 'How many values count.';
comment on column app_public.goal_progress.created_at is 'When the goal was set.';
comment on column app_public.goal_progress.updated_at is 'When a value last changed it.';
comment on function app_public.goal_progress_value(app_public.goal_progress) is
  'The figure to hold against the target, by the goal’s measure.';
comment on function app_public.goal_progress_is_met(app_public.goal_progress) is 'Whether the target is met as things stand.';
--! EndIncluded metrics/goal_progress.sql
--! Included metrics/keep_aggregations.sql
-- Lock order. Whoever changes metrics takes the organization's lock before the first row and keeps it until the end of
-- the transaction. So two writers of one organization never wait for each other in a circle, whatever they write in
-- whatever order, and a recomputation sees every row whose change is in the figures, and no other. Figures of an
-- organization's total would make its writers stand in line anyway. Needs READ COMMITTED, which all our connections
-- use: each statement after the lock looks anew.

set local role app_definer;

create or replace function app_private.lock_metrics(organization_ids uuid[]) returns void as $$
begin
  perform pg_advisory_xact_lock(l.key)
  from (
    select distinct hashtextextended('metrics ' || o, 0) as key
    from unnest(lock_metrics.organization_ids) as o
    order by 1
  ) l;
end;
$$ language plpgsql volatile set search_path to '';

-- A statement says its rows only when it holds them. Before it does, this locks every organization that it can write
-- in.
create or replace function app_private.tg_metrics__lock() returns trigger as $$
begin
  perform app_private.lock_metrics(
    case app_private.acting_role()
      when 'app_user' then array(select app_hidden.organization_ids_with_role('{owner,admin,member,viewer}'))
      when 'app_worker' then array[app_hidden.current_organization_id()]
      when 'app_data' then app_hidden.data_scope()
    end
  );
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '';

-- Under the lock nothing here can meet a concurrent insert. A negative delta belongs to an existing row; if there were
-- none, the constraint on `count` would fail the statement rather than hide it.
create or replace function app_private.merge_aggregations(deltas app_private.aggregation_delta[]) returns int as $$
declare
  v_changed int;
begin
  merge into app_public.metric_aggregations as a
  using (
    select d.*, coalesce(d.clinic_id, d.organization_id) as scope_id
    from unnest(merge_aggregations.deltas) as d
  ) as d
  on a.organization_id = d.organization_id
    and a.scope_id = d.scope_id
    and a.period = d.period
    and a.area = d.area
    and a.metric_key = d.metric_key
    and a.source = d.source
    and a.starts_on = d.starts_on
  when matched and a.count + d.count = 0 then
    delete
  when matched then
    update set sum = a.sum + d.sum, count = a.count + d.count
  when not matched then
    insert (organization_id, clinic_id, area, metric_key, source, period, starts_on, sum, count)
    values (d.organization_id, d.clinic_id, d.area, d.metric_key, d.source, d.period, d.starts_on, d.sum, d.count);
  get diagnostics v_changed = row_count;
  return v_changed;
end;
$$ language plpgsql volatile set search_path to '';

-- The one place that says which aggregations a row counts for.
create or replace function app_private.aggregation_deltas(deltas app_private.metric_delta[])
returns app_private.aggregation_delta[] as $$
begin
  return array(
    select row(
      d.organization_id, s.clinic_id, d.area, d.metric_key, d.source, p.period, p.starts_on, sum(d.sum), sum(d.count)
    )::app_private.aggregation_delta
    from unnest(aggregation_deltas.deltas) as d
    cross join lateral (values (d.clinic_id), (null)) as s (clinic_id)
    cross join lateral (values
      ('day'::app_public.metric_period, d.day),
      ('week', date_trunc('week', d.day::timestamp)::date),
      ('month', date_trunc('month', d.day::timestamp)::date)
    ) as p (period, starts_on)
    group by d.organization_id, s.clinic_id, d.area, d.metric_key, d.source, p.period, p.starts_on
    having sum(d.sum) <> 0 or sum(d.count) <> 0
  );
end;
$$ language plpgsql immutable parallel safe set search_path to '';

-- Once a statement, however many rows it changed. Definer: nobody who writes rows may write figures.
create or replace function app_private.tg_metrics__aggregate() returns trigger as $$
declare
  v_deltas app_private.metric_delta[];
begin
  if TG_OP = 'INSERT' then
    v_deltas := array(
      select row(n.organization_id, n.clinic_id, n.area, n.metric_key, n.source, n.day, n.value, 1)
        ::app_private.metric_delta
      from new_rows n
    );
  elsif TG_OP = 'UPDATE' then
    v_deltas := array(
      select row(n.organization_id, n.clinic_id, n.area, n.metric_key, n.source, n.day, n.value, 1)
        ::app_private.metric_delta
      from new_rows n
      union all
      select row(o.organization_id, o.clinic_id, o.area, o.metric_key, o.source, o.day, -o.value, -1)
        ::app_private.metric_delta
      from old_rows o
    );
  else
    v_deltas := array(
      select row(o.organization_id, o.clinic_id, o.area, o.metric_key, o.source, o.day, -o.value, -1)
        ::app_private.metric_delta
      from old_rows o
    );
  end if;
  if cardinality(v_deltas) = 0 then
    return null;
  end if;
  perform app_private.lock_metrics(array(select distinct d.organization_id from unnest(v_deltas) as d));
  perform app_private.merge_aggregations(app_private.aggregation_deltas(v_deltas));
  perform app_private.add_to_goals(v_deltas);
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_private.tg_metrics__lock(), app_private.tg_metrics__aggregate() to app_owner;

reset role;
--! EndIncluded metrics/keep_aggregations.sql
--! Included metrics/keep_goal_progress.sql
set local role app_definer;

-- Adds changed rows to the goals they count for. Under the organizations' locks, like the aggregations.
create or replace function app_private.add_to_goals(deltas app_private.metric_delta[]) returns void as $$
begin
  update app_public.goal_progress as p
  set sum = p.sum + d.sum, count = p.count + d.count
  from (
    select g.organization_id, g.id, sum(c.sum) as sum, sum(c.count) as count
    from unnest(add_to_goals.deltas) as c
    join app_public.goals g
      on g.organization_id = c.organization_id
      and g.area = c.area
      and g.metric_key = c.metric_key
      and (g.clinic_id = c.clinic_id or g.clinic_id is null)
      and (g.source = c.source or g.source is null)
      and c.day between g.starts_on and g.ends_on
    group by g.organization_id, g.id
    having sum(c.sum) <> 0 or sum(c.count) <> 0
  ) d
  where p.organization_id = d.organization_id
  and p.goal_id = d.id;
end;
$$ language plpgsql volatile set search_path to '';

-- Counts goals anew from the aggregated days; how many were wrong. The caller holds their organizations' locks.
create or replace function app_private.recount_goals(organization_ids uuid[], goal_ids uuid[] = null)
returns int as $$
declare
  v_changed int;
begin
  insert into app_public.goal_progress as p (organization_id, clinic_id, goal_id, sum, count)
  select g.organization_id, g.clinic_id, g.id, coalesce(sum(a.sum), 0), coalesce(sum(a.count), 0)
  from app_public.goals g
  left join app_public.metric_aggregations a
    on a.organization_id = g.organization_id
    and a.scope_id = coalesce(g.clinic_id, g.organization_id)
    and a.period = 'day'
    and a.area = g.area
    and a.metric_key = g.metric_key
    and (a.source = g.source or g.source is null)
    and a.starts_on between g.starts_on and g.ends_on
  where g.organization_id = any (recount_goals.organization_ids)
  and (recount_goals.goal_ids is null or g.id = any (recount_goals.goal_ids))
  group by g.organization_id, g.clinic_id, g.id
  on conflict (organization_id, goal_id) do update
  set sum = excluded.sum, count = excluded.count
  where (p.sum, p.count) is distinct from (excluded.sum, excluded.count);
  get diagnostics v_changed = row_count;
  return v_changed;
end;
$$ language plpgsql volatile set search_path to '';

-- Definer: whoever sets a goal may not write how far it is.
create or replace function app_private.tg_goals__recount() returns trigger as $$
declare
  v_organization_ids uuid[] := array(select distinct n.organization_id from new_rows n);
begin
  if cardinality(v_organization_ids) > 0 then
    perform app_private.lock_metrics(v_organization_ids);
    perform app_private.recount_goals(v_organization_ids, array(select n.id from new_rows n));
  end if;
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_private.tg_goals__recount() to app_owner;

reset role;

-- The lock comes before the rows here, too: see keep_aggregations.sql.
create or replace trigger _050_lock
  before insert or update or delete on app_public.goals
  for each statement
  execute function app_private.tg_metrics__lock();

create or replace trigger _200_recount_insert
  after insert on app_public.goals
  referencing new table as new_rows
  for each statement
  execute function app_private.tg_goals__recount();

create or replace trigger _200_recount_update
  after update on app_public.goals
  referencing new table as new_rows
  for each statement
  execute function app_private.tg_goals__recount();
--! EndIncluded metrics/keep_goal_progress.sql
