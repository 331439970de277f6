-- Requests may read a column that is kept from them.
select
  format('%s.%I to %s', t.object, a.attname, q.name) as object, t.object as touches,
  format('grant select (%I) on %s to %I', a.attname, t.object, q.name) as sql
from base_table t
cross join request_role q
join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
where not q.is_anonymous and pg_catalog.has_any_column_privilege(q.oid, t.oid, 'select')
and not pg_catalog.has_column_privilege(q.oid, t.oid, a.attnum, 'select')
