-- Requests may change a column that must stay as it is.
select
  format('%s.%I to %s', t.object, a.attname, q.name) as object, t.object as touches,
  format('grant update (%I) on %s to %I', a.attname, t.object, q.name) as sql
from base_table t
cross join request_role q
join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
where not q.is_anonymous and t.is_exposed
and pg_catalog.has_any_column_privilege(q.oid, t.oid, 'select')
and not pg_catalog.has_column_privilege(q.oid, t.oid, a.attnum, 'update')
and (
  exists (select from tenant_column c where c.relid = t.oid and c.attnum = a.attnum)
  or exists (
    select from pg_catalog.pg_constraint k where k.conrelid = t.oid and k.contype = 'p' and a.attnum = any (k.conkey)
  )
)
