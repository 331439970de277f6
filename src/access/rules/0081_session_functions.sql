-- No request changes settings, holds locks or talks to other sessions by itself.
-- Severity: warning
select
  'pg_catalog.' || f.proname as object,
  'executable by ' || string_agg(distinct r.name, ', ') as detail,
  string_agg(distinct format('revoke execute on function %s from %s;', f.oid::regprocedure,
    case r.oid when 0 then 'public' else quote_ident(r.name) end), ' ')
  || case f.proname when 'set_config' then coalesce(
    (select format(' grant execute on function pg_catalog.set_config(text, text, boolean) to %s;', string_agg(quote_ident(l.name), ', ')) from login_role l), '')
    else '' end as fix
from pg_catalog.pg_proc f, aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
join reader r on r.oid = a.grantee
where f.pronamespace = 'pg_catalog'::regnamespace
and f.proname in (
  'set_config', 'pg_notify', 'pg_advisory_lock', 'pg_advisory_lock_shared', 'pg_try_advisory_lock', 'query_to_xml', 'table_to_xml',
  'schema_to_xml', 'database_to_xml', 'cursor_to_xml'
)
group by f.proname
