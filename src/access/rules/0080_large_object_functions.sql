-- No request makes or reads large objects.
-- Severity: warning
select
  'pg_catalog.lo_*' as object,
  format('%s functions are executable by %s; large objects have no row security', count(distinct f.oid), string_agg(distinct r.name, ', ')) as detail,
  string_agg(distinct format('revoke execute on function %s from %s;', f.oid::regprocedure,
    case r.oid when 0 then 'public' else quote_ident(r.name) end), ' ') as fix
from pg_catalog.pg_proc f, aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
join reader r on r.oid = a.grantee
where f.pronamespace = 'pg_catalog'::regnamespace and f.proname ~ '^(lo_|lowrite$|loread$)'
having count(*) > 0
