-- Requests have nothing in a private schema.
-- Severity: error
with recursive
private_schema as (
  select s.* from app_schema s where not s.is_exposed and s.name ~* '(^|_)(private|secrets?|internal)(_|$)'
)
select
  quote_ident(s.name) as object,
  format('%s to %s', string_agg(lower(a.privilege_type), ', ' order by a.privilege_type), r.name) as detail,
  format('revoke all on schema %I from %s;', s.name, case r.oid when 0 then 'public' else quote_ident(r.name) end) as fix
from private_schema s, aclexplode(s.acl) a
join reader r on r.oid = a.grantee
group by s.name, r.oid, r.name
union all
select h.object, format('%s to %s', string_agg(distinct lower(h.privilege), ', '), h.holder),
  format('revoke all on %s from %s;', h.object, h.grantee_sql)
from held h
join relation t on t.oid = h.relid
join private_schema s on s.name = t.schema
group by h.object, h.holder, h.grantee_sql
union all
select f.object, format('executable by %s', c.holder),
  format('revoke execute on routine %s from %s;', f.object, c.grantee_sql)
from callable c
join app_function f on f.oid = c.oid
join private_schema s on s.name = f.schema
where f.prorettype <> 'pg_catalog.trigger'::regtype or c.grantee <> 0
