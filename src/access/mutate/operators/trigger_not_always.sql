-- A trigger can be switched off by whoever may set session_replication_role.
select
  format('%s.%I', t.object, g.tgname) as object, t.object as touches,
  format('alter table %s enable trigger %I', t.object, g.tgname) as sql
from base_table t
join pg_catalog.pg_trigger g on g.tgrelid = t.oid and g.tgenabled = 'A'
where not t.relispartition
