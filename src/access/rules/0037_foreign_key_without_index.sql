-- Every foreign key is led by an index of its table.
-- Severity: warning
select
  format('%s.%I', t.object, k.conname) as object,
  'no index starts with ' || columns.names as detail,
  format('create index on %s (%s);', t.object, columns.names) as fix
from pg_catalog.pg_constraint k
join base_table t on t.oid = k.conrelid,
lateral (
  select string_agg(quote_ident(c.attname), ', ' order by position) as names
  from unnest(k.conkey) with ordinality as key (attnum, position)
  join pg_catalog.pg_attribute c on c.attrelid = k.conrelid and c.attnum = key.attnum
) columns
where k.contype = 'f' and k.conparentid = 0
and not exists (
  select from pg_catalog.pg_index i
  where i.indrelid = k.conrelid and i.indisvalid
  and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
)
