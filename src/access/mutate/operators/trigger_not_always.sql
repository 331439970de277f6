-- A trigger that records or refuses can be switched off by whoever may set session_replication_role.
select
  format('%s.%I', t.object, g.tgname) as object, t.object as touches,
  format('alter table %s enable trigger %I', t.object, g.tgname) as sql
from base_table t
join pg_catalog.pg_trigger g on g.tgrelid = t.oid and g.tgenabled = 'A'
join pg_catalog.pg_proc f on f.oid = g.tgfoid and f.proname ~ 'audit|refuse'
where not t.relispartition
