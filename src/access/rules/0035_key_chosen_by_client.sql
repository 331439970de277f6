-- A request does not choose the primary key of a tenant's row.
-- Severity: warning
select
  format('%s.%I', h.object, c.attname) as object,
  'insert granted to ' || string_agg(distinct h.holder, ', ') as detail,
  case
    when bool_or(h.attnum = 0) then
      format('revoke insert on %s from %s; grant insert (%s) on %1$s to %2$s;', h.object,
        string_agg(distinct h.grantee_sql, ', '), (
          select string_agg(quote_ident(o.attname), ', ' order by o.attnum)
          from pg_catalog.pg_attribute o
          where o.attrelid = h.relid and o.attnum > 0 and not o.attisdropped and o.attgenerated = ''
          and not exists (
            select from pg_catalog.pg_index x
            where x.indrelid = o.attrelid and x.indisprimary and o.attnum = any (x.indkey::int2[])
          )
        ))
    else format('revoke insert (%I) on %s from %s;', c.attname, h.object, string_agg(distinct h.grantee_sql, ', '))
  end as fix
from held h
join tenant_table t on t.oid = h.relid
join pg_catalog.pg_index i on i.indrelid = h.relid and i.indisprimary and not t.tenant_attnum = any (i.indkey::int2[])
join pg_catalog.pg_attribute c on c.attrelid = h.relid and c.attnum = any (i.indkey::int2[])
where h.privilege = 'INSERT' and h.attnum in (0, c.attnum)
group by h.relid, h.object, c.attname
