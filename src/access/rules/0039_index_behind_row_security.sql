-- An index on a filter that is not leakproof starts with the tenant.
-- Severity: warning
select distinct
  i.indexrelid::regclass::text as object,
  format('%s is not leakproof: the tenant is filtered first, and this index cannot help with that', o.oprname) as detail,
  case when m.amname in ('gin', 'gist') then format('create extension if not exists btree_%s; ', m.amname) else '' end
  || format('drop index %s; %s;', i.indexrelid::regclass,
    regexp_replace(pg_get_indexdef(i.indexrelid), ' USING (\w+) \(', format(' USING \1 (%I, ', t.tenant))) as fix
from pg_catalog.pg_index i
join tenant_table t on t.oid = i.indrelid and t.relrowsecurity
join pg_catalog.pg_class x on x.oid = i.indexrelid
join pg_catalog.pg_am m on m.oid = x.relam
join pg_catalog.pg_opclass c on c.oid = i.indclass[0]
join lateral (
  select op.oprname, f.proleakproof
  from pg_catalog.pg_amop a
  join pg_catalog.pg_operator op on op.oid = a.amopopr
  join pg_catalog.pg_proc f on f.oid = op.oprcode
  where a.amopfamily = c.opcfamily and a.amopstrategy = (
    select min(least.amopstrategy) from pg_catalog.pg_amop least
    where least.amopfamily = c.opcfamily and least.amoplefttype = c.opcintype
  )
  and a.amoplefttype = c.opcintype
  order by f.proleakproof
  limit 1
) o on not o.proleakproof or c.opcname ~ 'pattern_ops'
where t.is_exposed and not t.relispartition and not i.indisunique and not i.indisexclusion
-- Foreign keys are checked by Postgres itself, past row security.
and not exists (
  select from pg_catalog.pg_constraint k
  where k.contype = 'f' and k.conrelid = t.oid and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
)
and exists (select from held h where h.relid = t.oid and h.privilege = 'SELECT')
and not t.tenant_attnum = any (i.indkey::int2[])
