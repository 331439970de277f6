-- Whoever bypasses row security is known by name.
-- Severity: warning
select
  r.rolname::text as object,
  format('it bypasses row security, and may read %s tables here%s', count(distinct t.oid), case when r.rolcanlogin then ' and sign in' else '' end) as detail,
  format('alter role %I nobypassrls;', r.rolname) as fix
from pg_catalog.pg_roles r
join granted g on g.privilege = 'SELECT' and g.grantee <> 0 and pg_has_role(r.oid, g.grantee, 'usage')
join base_table t on t.oid = g.relid
where r.rolbypassrls and not r.rolsuper
group by r.rolname, r.rolcanlogin
