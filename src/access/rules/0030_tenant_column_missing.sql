-- Every exposed table that requests reach says whose its rows are.
-- Severity: warning
select
  t.object,
  format('it has no %s', $5::text[]) as detail,
  format('alter table %s add column %I %s;', t.object, ($5::text[])[1], coalesce(
    (select c.type || case when r.object is null then '' else ' references ' || r.object end
     from tenant_column c
     left join pg_catalog.pg_constraint k on k.conrelid = c.relid and k.contype = 'f' and k.conkey = array[c.attnum]
     left join relation r on r.oid = k.confrelid
     where c.position = 1 order by r.object nulls last limit 1), 'uuid')) as fix
from base_table t
where t.is_exposed and not t.relispartition
and exists (select from held h where h.relid = t.oid)
and exists (select from tenant_table)
and not exists (select from tenant_table x where x.oid = t.oid)
and not exists (select from tenant_root r where r.relid = t.oid)
