-- No request may change the tenant or the key of a row.
-- Severity: error
select
  format('%s.%I', h.object, c.attname) as object,
  'update granted to ' || string_agg(distinct h.holder, ', ') as detail,
  case
    when bool_or(h.attnum = 0) then
      format('revoke update on %s from %s; grant update (%s) on %1$s to %2$s;', h.object,
        string_agg(distinct h.grantee_sql, ', '), (
          select string_agg(quote_ident(o.attname), ', ' order by o.attnum)
          from pg_catalog.pg_attribute o
          where o.attrelid = h.relid and o.attnum > 0 and not o.attisdropped and o.attgenerated = ''
          and not exists (select from tenant_column x where x.relid = o.attrelid and x.attnum = o.attnum)
          and not exists (
            select from pg_catalog.pg_index i
            where i.indrelid = o.attrelid and i.indisprimary and o.attnum = any (i.indkey::int2[])
          )
        ))
    else format('revoke update (%I) on %s from %s;', c.attname, h.object, string_agg(distinct h.grantee_sql, ', '))
  end as fix
from held h
join tenant_table t on t.oid = h.relid
join pg_catalog.pg_attribute c on c.attrelid = h.relid and c.attnum > 0 and not c.attisdropped
where h.privilege = 'UPDATE' and h.attnum in (0, c.attnum)
and (
  exists (select from tenant_column x where x.relid = h.relid and x.attnum = c.attnum)
  or exists (
    select from pg_catalog.pg_index i
    where i.indrelid = h.relid and i.indisprimary and c.attnum = any (i.indkey::int2[])
  )
)
group by h.relid, h.object, c.attname
