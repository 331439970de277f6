-- No policy reads, by whatever way, the table that it protects.
-- Severity: error
with recursive
-- Who asks what to answer a policy: a definer function asks as its owner, others as whoever calls them.
asks as (
  select p.relid, r as role, p.object, f.oid as function_oid, case when f.prosecdef then f.proowner else r end as asking
  from policy p
  join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_policy'::regclass and d.objid = p.oid
  join app_function f on d.refclassid = 'pg_catalog.pg_proc'::regclass and f.oid = d.refobjid,
  unnest(p.roles) as r
  where p.command in ('select', 'all')
  union
  select a.relid, a.role, a.object, g.oid, case when g.prosecdef then g.proowner else a.asking end
  from asks a
  join app_function f on f.oid = a.function_oid
  join app_function g on g.oid <> f.oid and strpos(f.body, g.schema || '.' || g.proname || '(') > 0
),
read_by_function as materialized (
  select f.oid as function_oid, t.oid as read_relid, t.relowner, t.relforcerowsecurity
  from app_function f
  join base_table t on strpos(f.body, t.relname) > 0
    and f.body ~ ('\m(from|join)\s+(' || t.schema || '\.)?' || t.relname || '\M')
  where f.oid in (select a.function_oid from asks a)
),
reads as (
  select p.relid, r as role, t.oid as read_relid, r as read_role, p.object
  from policy p, unnest(p.roles) as r, base_table t
  where p.command in ('select', 'all') and strpos(p.tree, ':relid ' || t.oid || ' ') > 0
  union
  select a.relid, a.role, b.read_relid, a.asking, a.object
  from asks a
  join read_by_function b on b.function_oid = a.function_oid
  left join pg_catalog.pg_roles o on o.oid = a.asking
  -- Whom row security does not hold asks no policy.
  where not coalesce(o.rolsuper or o.rolbypassrls or (a.asking = b.relowner and not b.relforcerowsecurity), false)
),
reached as (
  select relid as start_relid, role as start_role, read_relid, read_role, object from reads
  union
  select w.start_relid, w.start_role, r.read_relid, r.read_role, w.object
  from reached w
  join reads r on r.relid = w.read_relid and (r.role = w.read_role or r.role = 0)
)
select
  w.object,
  'to answer it, Postgres must first answer it: 42P17 or a stack overflow' as detail,
  '-- Move the look-up into a security definer function whose owner has a policy of its own on the table it reads.' as fix
from reached w
where w.read_relid = w.start_relid and (w.read_role = w.start_role or w.start_role = 0)
group by w.object
