-- Everybody may execute a function; one of a trigger cannot be called.
select f.object, f.object as touches, format('grant execute on routine %s to public', f.object) as sql
from app_function f
where f.prorettype <> 'pg_catalog.trigger'::regtype
and not exists (
  select from pg_catalog.aclexplode(coalesce(f.proacl, pg_catalog.acldefault('f', f.proowner))) a where a.grantee = 0
)
