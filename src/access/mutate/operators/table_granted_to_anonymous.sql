-- Requests without a token may read a table.
select
  format('%s to %s', t.object, q.name) as object, t.object as touches, format('grant select on %s to %I', t.object, q.name) as sql
from relation t
cross join request_role q
where q.is_anonymous
