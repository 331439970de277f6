-- Requests may change settings, talk to other sessions, hold locks or keep large objects.
select
  format('%s to public', f.oid::regprocedure) as object, null as touches,
  format('grant execute on function %s to public', f.oid::regprocedure) as sql
from pg_catalog.pg_proc f
where f.pronamespace = 'pg_catalog'::regnamespace
and f.proname in ('set_config', 'pg_notify', 'pg_advisory_lock', 'query_to_xml', 'table_to_xml', 'lo_create', 'lo_from_bytea')
and not exists (
  select from pg_catalog.aclexplode(coalesce(f.proacl, pg_catalog.acldefault('f', f.proowner))) a where a.grantee = 0
)
