-- Requests may insert into and update every column.
select
  format('%s to %s', t.object, q.name) as object, t.object as touches,
  format('grant insert, update on %s to %I', t.object, q.name) as sql
from base_table t
cross join request_role q
where not q.is_anonymous and t.is_exposed
