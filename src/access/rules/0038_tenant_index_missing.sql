-- Every tenant's table has an index that starts with the tenant.
-- Severity: warning
select
  t.object,
  format('its policies compare %s on every row of the table', t.tenant) as detail,
  format('create index on %s (%I);', t.object, t.tenant) as fix
from tenant_table t
where t.is_exposed and not t.relispartition
and exists (select from held h where h.relid = t.oid)
and not exists (
  select from pg_catalog.pg_index i
  where i.indrelid = t.oid and i.indisvalid and i.indkey[0] = t.tenant_attnum
)
