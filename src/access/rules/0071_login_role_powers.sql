-- The role that signs in is nothing by itself.
-- Severity: critical
select
  r.rolname::text as object,
  concat_ws(', ', case when r.rolsuper then 'superuser' end, case when r.rolbypassrls then 'bypasses row security' end,
    case when r.rolcreaterole then 'creates roles' end, case when r.rolcreatedb then 'creates databases' end,
    case when r.rolreplication then 'replicates' end, case when r.rolinherit then 'inherits what it is granted' end,
    'has the rights of ' || inherited.names) as detail,
  format('alter role %I nosuperuser nobypassrls nocreaterole nocreatedb noreplication noinherit;', r.rolname)
  || case when current_setting('server_version_num')::int < 160000 then '' else coalesce(
    (select string_agg(format(' grant %I to %I with inherit false;', m.roleid::regrole, r.rolname), '')
     from pg_catalog.pg_auth_members m where m.member = r.oid), '') end as fix
from pg_catalog.pg_roles r
join login_role l on l.oid = r.oid,
lateral (
  select string_agg(m.rolname, ', ' order by m.rolname) as names
  from pg_catalog.pg_roles m
  where m.oid <> r.oid and not r.rolsuper and pg_has_role(r.oid, m.oid, 'usage')
) inherited
where r.rolsuper or r.rolbypassrls or r.rolcreaterole or r.rolcreatedb or r.rolreplication or r.rolinherit or inherited.names is not null
