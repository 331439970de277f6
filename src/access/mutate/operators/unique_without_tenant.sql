-- A unique key forgets the tenant, so that a collision tells of another one's rows.
select
  i.indexrelid::regclass::text as object, t.object as touches,
  format(
    '%s; create unique index on %s (%s)%s',
    case
      when k.oid is null then format('drop index %s', i.indexrelid::regclass)
      else format('alter table %s drop constraint %s cascade', t.object, quote_ident(k.conname))
    end,
    t.object, columns.names, coalesce(' where ' || pg_catalog.pg_get_expr(i.indpred, i.indrelid), '')
  ) as sql
from pg_catalog.pg_index i
join tenant_table t on t.oid = i.indrelid
left join pg_catalog.pg_constraint k on k.conindid = i.indexrelid and k.contype = 'u',
lateral (
  select
    string_agg(pg_catalog.pg_get_indexdef(i.indexrelid, n::integer, false), ', ' order by n) as names,
    bool_or(i.indkey[n - 1] in (
      select unnest(p.indkey::int2[]) from pg_catalog.pg_index p where p.indrelid = t.oid and p.indisprimary
    )) as holds_key
  from generate_series(1, i.indnkeyatts) as n
  where i.indkey[n - 1] not in (select c.attnum from tenant_column c where c.relid = t.oid and c.position = 1)
) columns
where i.indisunique and not i.indisprimary and t.is_exposed and not t.relispartition
and t.tenant_attnum = any (i.indkey::int2[]) and columns.names is not null and not columns.holds_key
