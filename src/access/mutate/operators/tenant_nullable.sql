-- A row may belong to nobody.
select
  format('%s.%I', c.object, c.attname) as object, c.object as touches,
  format('alter table %s alter column %I drop not null', c.object, c.attname) as sql
from tenant_column c
join base_table t on t.oid = c.relid and not t.relispartition
where c.position = 1 and c.attnotnull
and not exists (
  select from pg_catalog.pg_constraint k where k.conrelid = t.oid and k.contype = 'p' and c.attnum = any (k.conkey)
)
