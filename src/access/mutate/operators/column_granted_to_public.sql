-- Everybody may read one column.
select
  format('%s.%I', t.object, a.attname) as object, t.object as touches,
  format('grant select (%I) on %s to public', a.attname, t.object) as sql
from relation t
join lateral (
  select c.attname from pg_catalog.pg_attribute c
  where c.attrelid = t.oid and c.attnum > 0 and not c.attisdropped
  order by c.attname like '%hash%' desc, c.attnum
  limit 1
) a on true
