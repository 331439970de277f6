-- A tenant column is never null.
-- Severity: error
select
  format('%s.%I', c.object, c.attname) as object,
  'a row may belong to nobody' as detail,
  format('alter table %s alter column %I set not null;', c.object, c.attname) as fix
from tenant_column c
join base_table t on t.oid = c.relid
where t.is_exposed and not t.relispartition and not c.attnotnull
