-- No generated column tells what its source may not.
-- Severity: error
select
  format('%s.%I', t.object, g.attname) as object,
  format('%s may not read %s, of which it is made', string_agg(distinct q.name, ', '), string_agg(distinct s.attname, ', ')) as detail,
  format('revoke select (%I) on %s from %s;', g.attname, t.object, string_agg(distinct quote_ident(q.name), ', ')) as fix
from base_table t
join pg_catalog.pg_attribute g on g.attrelid = t.oid and g.attgenerated <> '' and not g.attisdropped
join pg_catalog.pg_attrdef e on e.adrelid = t.oid and e.adnum = g.attnum
join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = t.oid
  and d.refobjsubid not in (0, g.attnum)
  and (
    d.classid = 'pg_catalog.pg_attrdef'::regclass and d.objid = e.oid
    or d.classid = 'pg_catalog.pg_class'::regclass and d.objid = t.oid and d.objsubid = g.attnum
  )
join pg_catalog.pg_attribute s on s.attrelid = t.oid and s.attnum = d.refobjsubid
join request_role q on has_column_privilege(q.oid, t.oid, g.attnum, 'select')
  and not has_column_privilege(q.oid, t.oid, s.attnum, 'select')
group by t.object, g.attname
