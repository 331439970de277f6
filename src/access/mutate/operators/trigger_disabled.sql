-- A trigger is off.
select
  format('%s.%I', t.object, g.tgname) as object, t.object as touches,
  format('alter table %s disable trigger %I', t.object, g.tgname) as sql
from base_table t
join pg_catalog.pg_trigger g on g.tgrelid = t.oid and not g.tgisinternal
where not t.relispartition
