-- No function that requests run belongs to somebody whom row security does not hold.
-- Severity: critical
select
  f.object,
  format('it runs as %s, %s', o.rolname, case
    when o.rolsuper then 'a superuser' when o.rolbypassrls then 'who bypasses row security'
    else 'who owns tables that are not forced' end) as detail,
  format('alter routine %s security invoker;', f.object) as fix
from app_function f
join pg_catalog.pg_roles o on o.oid = f.proowner
where f.prosecdef
and (
  o.rolsuper or o.rolbypassrls
  or exists (select from base_table t where t.relowner = f.proowner and not t.relforcerowsecurity)
)
and (
  exists (select from callable c where c.oid = f.oid and f.prorettype <> 'pg_catalog.trigger'::regtype)
  or exists (select from pg_catalog.pg_trigger g where g.tgfoid = f.oid)
)
