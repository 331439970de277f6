-- Requests may use a schema that is kept from them.
select
  format('%I to %s', s.name, q.name) as object, null as touches, format('grant usage on schema %I to %I', s.name, q.name) as sql
from app_schema s
cross join request_role q
where not pg_catalog.has_schema_privilege(q.oid, s.oid, 'usage')
