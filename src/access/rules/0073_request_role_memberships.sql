-- A request role is a member of nothing.
-- Severity: critical
select
  format('%s to %s', r.rolname, q.name) as object,
  case
    when r.rolname ~ '^pg_' then 'a predefined role of Postgres'
    when r.rolsuper or r.rolbypassrls then 'row security does not hold it'
    else 'its grants and policies count for every request' end as detail,
  coalesce(
    (select format('revoke %I from %I;', r.rolname, q.name) from pg_catalog.pg_auth_members m where m.roleid = r.oid and m.member = q.oid limit 1),
    format('-- %s reaches %s over another role; see the finding about that one.', q.name, r.rolname)) as fix
from request_role q
join pg_catalog.pg_roles me on me.oid = q.oid and not me.rolsuper
join pg_catalog.pg_roles r on r.oid <> q.oid and pg_has_role(q.oid, r.oid, 'member')
