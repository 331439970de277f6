-- No function is executable by PUBLIC.
-- Severity: warning
select
  f.object,
  'anybody may call it, anonymous requests too' as detail,
  format('revoke execute on routine %s from public;', f.object) as fix
from app_function f
where not f.prosecdef and f.prorettype <> 'pg_catalog.trigger'::regtype
and exists (select from callable c where c.oid = f.oid and c.grantee = 0)
