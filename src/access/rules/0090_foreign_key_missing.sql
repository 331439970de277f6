-- A column that names a tenant's row is held by a foreign key.
-- Severity: error
select
  format('%s.%I', t.object, a.attname) as object,
  format('it may name a row of %s of any tenant, or none', r.object) as detail,
  format(
    '-- Once the rows are right: alter table %s add foreign key (%I, %I) references %s (%I, <key>);',
    t.object, t.tenant, a.attname, r.object, r.tenant
  ) as fix
from tenant_table t
join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped and a.attname ~ '_id$'
join tenant_table r on r.schema = t.schema and r.oid <> t.oid
  and r.relname in (
    regexp_replace(a.attname, '_id$', 's'), regexp_replace(a.attname, 's?_id$', 'ses'), regexp_replace(a.attname, 'y_id$', 'ies')
  )
where t.is_exposed and not t.relispartition and a.attnum <> t.tenant_attnum
and not exists (
  select from pg_catalog.pg_constraint k
  where k.conrelid = t.oid and k.contype = 'f' and a.attnum = any (k.conkey)
)
