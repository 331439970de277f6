-- Every index is valid.
-- Severity: warning
select
  i.indexrelid::regclass::text as object,
  'it was not finished: it costs writes, serves no query, and enforces nothing' as detail,
  format('reindex index %s;', i.indexrelid::regclass) as fix
from pg_catalog.pg_index i
join base_table t on t.oid = i.indrelid
where not i.indisvalid or not i.indisready
