-- Requests may delete from a table that nothing is deleted from.
select
  format('%s to %s', t.object, q.name) as object, t.object as touches, format('grant delete on %s to %I', t.object, q.name) as sql
from base_table t
cross join request_role q
where not q.is_anonymous and t.is_exposed and not pg_catalog.has_table_privilege(q.oid, t.oid, 'delete')
