-- A role can do more than it should.
-- Cluster-wide
select
  format('%s %s', r.rolname, a.attribute) as object, null as touches,
  format('alter role %I %s', r.rolname, a.attribute) as sql
from pg_catalog.pg_roles r
cross join (values
  ('superuser', 's'), ('bypassrls', 'b'), ('createrole', 'r'), ('createdb', 'd'), ('replication', 'p'), ('inherit', 'i'), ('login', 'l')
) as a (attribute, code)
where (
  exists (select from request_role q where q.oid = r.oid) or exists (select from login_role l where l.oid = r.oid)
)
and not case a.code
  when 's' then r.rolsuper when 'b' then r.rolbypassrls when 'r' then r.rolcreaterole when 'd' then r.rolcreatedb
  when 'p' then r.rolreplication when 'i' then r.rolinherit else r.rolcanlogin
end
-- Who is a member of nothing inherits nothing.
and (a.code <> 'i' or exists (select from pg_catalog.pg_auth_members m where m.member = r.oid))
