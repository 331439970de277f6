-- No security definer function takes current_user for the caller.
-- Severity: warning
select
  f.object,
  'current_user is its owner here, and session_user the pool''s login' as detail,
  regexp_replace(
    pg_get_functiondef(f.oid),
    '\m(current_user|session_user)\M(?!\s*\()', 'nullif(current_setting(''jwt.claims.sub'', true), '''')', 'gi'
  ) || ';' as fix
from app_function f
where f.prosecdef and f.body ~* '\m(current_user|session_user)\M(?!\s*\(|_)'
