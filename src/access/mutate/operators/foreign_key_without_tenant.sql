-- A foreign key forgets the tenant, so that a row may point into another one.
select
  format('%s.%I', child.object, k.conname) as object, child.object as touches,
  format(
    'alter table %s drop constraint %I, add constraint %2$I foreign key (%I) references %s (%I)',
    child.object, k.conname, mine.attname, parent.object, theirs.attname
  ) as sql
from pg_catalog.pg_constraint k
join base_table child on child.oid = k.conrelid and not child.relispartition
join base_table parent on parent.oid = k.confrelid
cross join lateral unnest(k.conkey, k.confkey) as pair (child, parent)
join pg_catalog.pg_index i
  on i.indrelid = k.confrelid and i.indisunique and i.indpred is null and i.indnkeyatts = 1 and i.indkey[0] = pair.parent
join pg_catalog.pg_attribute mine on mine.attrelid = k.conrelid and mine.attnum = pair.child
join pg_catalog.pg_attribute theirs on theirs.attrelid = k.confrelid and theirs.attnum = pair.parent
where k.contype = 'f' and cardinality(k.conkey) > 1
