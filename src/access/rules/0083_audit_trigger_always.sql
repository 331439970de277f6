-- Audit triggers fire whatever session_replication_role says.
-- Severity: error
select
  format('%s.%I', t.object, g.tgname) as object,
  case g.tgenabled when 'D' then 'disabled' when 'R' then 'fires on a replica only' else 'does not fire under session_replication_role = replica' end as detail,
  format('alter table %s enable always trigger %I;', t.object, g.tgname) as fix
from pg_catalog.pg_trigger g
join base_table t on t.oid = g.tgrelid
join pg_catalog.pg_proc f on f.oid = g.tgfoid
where not g.tgisinternal and g.tgenabled <> 'A'
and (g.tgname ~* 'audit' or f.proname ~* 'audit' or f.pronamespace::regnamespace::text ~* 'audit')
