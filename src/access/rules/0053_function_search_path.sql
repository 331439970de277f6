-- Every function fixes its search_path, or has a body that was bound to what it names when it was created.
-- Severity: warning
select
  f.object,
  'what it means by a name depends on who calls it' as detail,
  format('alter routine %s set search_path = pg_catalog, pg_temp;', f.object) as fix
from app_function f
where not f.prosecdef and f.language in ('sql', 'plpgsql')
and not exists (select from pg_catalog.pg_proc p where p.oid = f.oid and p.prosqlbody is not null)
and not exists (select from unnest(f.proconfig) as c where c ~ '^search_path=')
