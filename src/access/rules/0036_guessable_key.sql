-- Exposed rows are not numbered.
-- Severity: warning
select
  format('%s.%I', t.object, c.attname) as object,
  'a counter: who has one id can name the others, and count them' as detail,
  format('alter table %s alter column %I drop %s; alter table %1$s alter column %2$I type uuid using gen_random_uuid(), alter column %2$I set default gen_random_uuid();',
    t.object, c.attname, case when c.attidentity = '' then 'default' else 'identity' end) as fix
from base_table t
join pg_catalog.pg_index i on i.indrelid = t.oid and i.indisprimary
join pg_catalog.pg_attribute c on c.attrelid = t.oid and c.attnum = any (i.indkey::int2[])
left join pg_catalog.pg_attrdef d on d.adrelid = c.attrelid and d.adnum = c.attnum
where t.is_exposed and not t.relispartition
and exists (select from held h where h.relid = t.oid and h.privilege = 'SELECT')
and (c.attidentity <> '' or (c.attgenerated = '' and pg_get_expr(d.adbin, d.adrelid) ~ '^nextval\('))
