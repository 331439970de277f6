-- Tables whose access, or whose writing, can depend on the object $1 (a table or a function, as Postgres names it), the
-- nearest first.
-- Functions are read as text: they run with an empty search_path, so that what they mean stands in it by its whole name.
with recursive
relation as (
  select c.oid, c.relkind, format('%I.%I', n.nspname, c.relname) as name
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname = any ($2::text[]) and c.relkind in ('r', 'p', 'v')
),
routine as (
  select p.oid, format('%I.%I', n.nspname, p.proname) as name, p.oid::regprocedure::text as signature,
    concat(p.prosrc, pg_catalog.pg_get_function_sqlbody(p.oid)) as body
  from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  where n.nspname = any ($2::text[])
),
-- Who depends on whom: policies, views, defaults and constraints on what the catalogue says …
dependency as (
  select owner.relid as who, d.refobjid as whom
  from pg_catalog.pg_depend d
  join (
    select 'pg_catalog.pg_policy'::regclass as classid, p.oid as objid, p.polrelid as relid from pg_catalog.pg_policy p
    union all select 'pg_catalog.pg_rewrite'::regclass, r.oid, r.ev_class from pg_catalog.pg_rewrite r
    union all select 'pg_catalog.pg_attrdef'::regclass, a.oid, a.adrelid from pg_catalog.pg_attrdef a
    union all select 'pg_catalog.pg_constraint'::regclass, k.oid, k.conrelid from pg_catalog.pg_constraint k
    union all select 'pg_catalog.pg_trigger'::regclass, g.oid, g.tgrelid from pg_catalog.pg_trigger g
  ) owner on owner.classid = d.classid and owner.objid = d.objid
  where d.refobjid <> owner.relid
  -- … functions on what they name …
  union
  select f.oid, r.oid from routine f join relation r on f.body ~ ('\m' || r.name || '\M')
  union
  select f.oid, g.oid from routine f join routine g on position(g.name || '(' in f.body) > 0
  -- … and deleting on what goes with it.
  union
  select k.confrelid, k.conrelid from pg_catalog.pg_constraint k where k.contype = 'f' and k.confdeltype <> 'a'
),
affected as (
  select r.oid, 0 as distance from relation r where r.name = $1
  union
  select f.oid, 0 from routine f where f.signature = $1
  union
  select d.who, a.distance + 1 from affected a join dependency d on d.whom = a.oid where a.distance < 8
)
select r.name from relation r join affected a on a.oid = r.oid group by r.name order by min(a.distance), r.name
