-- Requests may create objects in a schema.
select
  format('%I to %s', s.name, q.name) as object, null as touches, format('grant create on schema %I to %I', s.name, q.name) as sql
from app_schema s
cross join request_role q
