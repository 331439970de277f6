-- A request role has no power of its own.
-- Severity: critical
select
  r.rolname::text as object,
  concat_ws(', ', case when r.rolsuper then 'superuser' end, case when r.rolbypassrls then 'bypasses row security' end,
    case when r.rolcreaterole then 'creates roles' end, case when r.rolcreatedb then 'creates databases' end,
    case when r.rolreplication then 'replicates' end, case when r.rolcanlogin then 'signs in' end) as detail,
  format('alter role %I nosuperuser nobypassrls nocreaterole nocreatedb noreplication nologin;', r.rolname) as fix
from pg_catalog.pg_roles r
join request_role q on q.oid = r.oid
where r.rolsuper or r.rolbypassrls or r.rolcreaterole or r.rolcreatedb or r.rolreplication or r.rolcanlogin
