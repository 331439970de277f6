-- No security definer function builds its SQL from text.
-- Severity: warning
select
  f.object,
  'it executes text, as ' || f.proowner::regrole as detail,
  format('alter routine %s security invoker;', f.object) as fix
from app_function f
where f.prosecdef and f.language = 'plpgsql'
and f.body ~* '\mexecute\M' and f.body !~* '\mexecute (function|procedure)\M'
and exists (
  select from callable c where c.oid = f.oid
  union all
  select from pg_catalog.pg_trigger g where g.tgfoid = f.oid
)
