-- The API offers no security definer function that nobody has reviewed.
-- Severity: warning
select
  f.object,
  format('callable through the API by %s, runs as %s', string_agg(distinct c.holder, ', '), f.proowner::regrole) as detail,
  format('revoke execute on routine %s from %s;', f.object, string_agg(distinct c.grantee_sql, ', ')) as fix
from app_function f
join callable c on c.oid = f.oid
where f.prosecdef and f.is_exposed and f.prorettype <> 'pg_catalog.trigger'::regtype
group by f.object, f.proowner
