-- No function changes a setting beyond its transaction.
-- Severity: error
select
  f.object,
  'set_config(…, false) stays on the connection for whoever gets it next' as detail,
  regexp_replace(pg_get_functiondef(f.oid), '(set_config\s*\([^;]*?,\s*)false(\s*\))', '\1true\2', 'gi') || ';' as fix
from app_function f
where f.body ~* 'set_config\s*\([^;]*,\s*false\s*\)'
