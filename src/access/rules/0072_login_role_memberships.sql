-- The role that signs in can become a request's role and nobody else.
-- Severity: critical
select
  format('%s to %s', r.rolname, l.name) as object,
  case
    when r.rolsuper then 'a superuser: one "set role" from everything'
    when r.rolbypassrls then 'it bypasses row security: one "set role" from every row'
    else 'it is no request''s role' end as detail,
  coalesce(
    (select format('revoke %I from %I;', r.rolname, l.name) from pg_catalog.pg_auth_members m where m.roleid = r.oid and m.member = l.oid limit 1),
    format('-- %s reaches %s over another role; see the finding about that one.', l.name, r.rolname)) as fix
from login_role l
join pg_catalog.pg_roles me on me.oid = l.oid and not me.rolsuper
join pg_catalog.pg_roles r on r.oid <> l.oid and pg_has_role(l.oid, r.oid, 'member')
where r.oid not in (select q.oid from request_role q)
