-- Every constraint holds for all rows.
-- Severity: warning
select
  format('%s.%I', t.object, k.conname) as object,
  'rows from before it were never checked' as detail,
  format('alter table %s validate constraint %I;', t.object, k.conname) as fix
from pg_catalog.pg_constraint k
join base_table t on t.oid = k.conrelid
where not k.convalidated and k.conparentid = 0
