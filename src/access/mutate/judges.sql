,
-- Functions that policies call, by themselves or through one another.
helper as (
  select f.*
  from app_function f
  join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_proc'::regclass and d.refobjid = f.oid
  join policy p on d.classid = 'pg_catalog.pg_policy'::regclass and d.objid = p.oid
  union
  select callee.*
  from helper caller
  join app_function callee on position(format('%s.%s(', callee.schema, callee.proname) in caller.body) > 0
),
-- Functions on which it depends who reaches what: helpers, and what runs with more rights than its caller. Triggers are
-- left to the tests of what they do.
judge as (
  select * from helper
  union
  select f.* from app_function f where f.prosecdef and f.prorettype <> 'pg_catalog.trigger'::regtype
),
-- A helper's column: what the policies compare its answer with, and the table whose ids that column holds.
compared as (
  select distinct h.oid, h.object, source.relid::regclass::text as source
  from helper h
  join policy p on concat_ws(' ', p.qual, p.check) ~ format('\m%s\.%s\(', h.schema, h.proname)
  cross join lateral regexp_matches(
    concat_ws(' ', p.qual, p.check),
    format('(\w+) (?:= ANY \(ARRAY\(|IN \() ?SELECT %s\.%s\(', h.schema, h.proname), 'g'
  ) as named
  join pg_catalog.pg_attribute a on a.attrelid = p.relid and a.attname = named[1]
  cross join lateral (
    select p.relid where a.attname = 'id'
    union
    select k.confrelid
    from pg_catalog.pg_constraint k
    cross join lateral unnest(k.conkey, k.confkey) as pair (mine, theirs)
    join pg_catalog.pg_attribute t on t.attrelid = k.confrelid and t.attnum = pair.theirs and t.attname = 'id'
    where k.contype = 'f' and k.conrelid = p.relid and pair.mine = a.attnum
  ) as source
),
-- Policies with a check that can count: some role of theirs may write some column.
written as (
  select p.*
  from policy p
  where p.check is not null and p.command <> 'delete'
  and exists (
    select
    from unnest(p.roles) as role
    cross join unnest(case p.command when 'all' then array['insert', 'update'] else array[p.command] end) as command
    where role = 0 or pg_catalog.has_any_column_privilege(role, p.relid, command)
  )
),
-- The parts of policies, without a check that says of an update what using has said already, of columns that the policy's
-- roles cannot update: the row that passes the one passes the other.
clause as (
  select p.*, 'using' as name, p.qual as text
  from policy p
  where p.qual is not null
  union all
  select p.*, 'with check', p.check
  from written p
  where not (
    p.command = 'update' and p.check = p.qual
    and not exists (
      select
      from pg_catalog.pg_attribute a
      cross join unnest(p.roles) as role
      where a.attrelid = p.relid and a.attnum > 0 and not a.attisdropped
      and p.check ~ ('\m' || a.attname || '\M')
      and (role = 0 or pg_catalog.has_column_privilege(role, p.relid, a.attnum, 'update'))
    )
  )
)
