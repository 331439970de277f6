-- Requests select, insert and update by column.
-- Severity: warning
select
  format('%s to %s', h.object, h.holder) as object,
  string_agg(lower(h.privilege), ', ' order by h.privilege) || ' on every column, those of tomorrow too' as detail,
  format('revoke %s on %s from %s; ', string_agg(lower(h.privilege), ', ' order by h.privilege), h.object, h.grantee_sql)
  || string_agg(format('grant %s (%s) on %s to %s;', lower(h.privilege), columns.names, h.object, h.grantee_sql), ' ' order by h.privilege)
    as fix
from held h,
lateral (
  select string_agg(quote_ident(c.attname), ', ' order by c.attnum) as names
  from pg_catalog.pg_attribute c
  where c.attrelid = h.relid and c.attnum > 0 and not c.attisdropped
  and (h.privilege = 'SELECT' or c.attgenerated = '' and c.attidentity <> 'a')
) columns
where h.attnum = 0 and h.relkind in ('r', 'p', 'v') and h.privilege in ('SELECT', 'INSERT', 'UPDATE')
group by h.object, h.holder, h.grantee_sql
