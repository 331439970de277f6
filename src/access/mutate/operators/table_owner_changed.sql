-- A table belongs to the role of requests.
select
  format('%s to %s', t.object, q.name) as object, t.object as touches, format('alter table %s owner to %I', t.object, q.name) as sql
from base_table t
cross join request_role q
where not q.is_anonymous and not t.relispartition
