-- Unique keys of tenants' tables contain the tenant.
-- Severity: error
select
  i.indexrelid::regclass::text as object,
  pg_get_indexdef(i.indexrelid) as detail,
  case
    when k.oid is null then format('drop index %s; %s;', i.indexrelid::regclass,
      regexp_replace(pg_get_indexdef(i.indexrelid), ' USING (\w+) \(', format(' USING \1 (%I, ', t.tenant)))
    else format('alter table %s drop constraint %I, add constraint %2$I %3$s;', t.object, k.conname,
      regexp_replace(pg_get_constraintdef(k.oid), '\(', format('(%I, ', t.tenant)))
  end as fix
from pg_catalog.pg_index i
join tenant_table t on t.oid = i.indrelid
left join pg_catalog.pg_constraint k on k.conindid = i.indexrelid and k.contype in ('u', 'x')
where i.indisunique and not i.indisprimary and t.is_exposed and not t.relispartition
and not t.tenant_attnum = any (i.indkey::int2[])
-- One that contains the primary key can tell nothing that the primary key does not.
and not exists (
  select from pg_catalog.pg_index p
  where p.indrelid = i.indrelid and p.indisprimary and i.indkey::int2[] @> p.indkey::int2[]
)
