-- No security definer function is executable by PUBLIC.
-- Severity: critical
select
  f.object,
  format('everybody runs it with the rights of %s', f.proowner::regrole) as detail,
  format('revoke execute on routine %s from public;', f.object) as fix
from app_function f
where f.prosecdef and f.prorettype <> 'pg_catalog.trigger'::regtype
and exists (select from callable c where c.oid = f.oid and c.grantee = 0)
