-- A foreign key between tenants' tables carries the tenant on both sides.
-- Severity: error
select
  format('%s.%I', child.object, k.conname) as object,
  pg_get_constraintdef(k.oid) as detail,
  format('alter table %s add unique (%I, %s); alter table %s drop constraint %I, add constraint %5$I foreign key (%I, %s) references %1$s (%2$I, %3$s)%8$s;',
    parent.object, theirs.attname, columns.parents, child.object, k.conname, mine.attname, columns.childs,
    case k.confdeltype
      when 'r' then ' on delete restrict' when 'c' then ' on delete cascade'
      when 'n' then format(' on delete set null (%s)', columns.childs)
      when 'd' then format(' on delete set default (%s)', columns.childs) else ''
    end) as fix
from pg_catalog.pg_constraint k
join base_table child on child.oid = k.conrelid
join base_table parent on parent.oid = k.confrelid
join tenant_column mine on mine.relid = k.conrelid
join tenant_column theirs on theirs.relid = k.confrelid and theirs.position = mine.position,
lateral (
  select
    string_agg(quote_ident(c.attname), ', ' order by pair.position)
      filter (where c.attname not in (select x.attname from tenant_column x where x.relid = c.attrelid and x.attnum = c.attnum and x.position = mine.position)) as childs,
    string_agg(quote_ident(p.attname), ', ' order by pair.position)
      filter (where p.attnum <> theirs.attnum) as parents
  from unnest(k.conkey, k.confkey) with ordinality as pair (child, parent, position)
  join pg_catalog.pg_attribute c on c.attrelid = k.conrelid and c.attnum = pair.child
  join pg_catalog.pg_attribute p on p.attrelid = k.confrelid and p.attnum = pair.parent
) columns
where k.contype = 'f' and k.conparentid = 0
-- What divides a tenant is carried where both sides must have it.
and (mine.position = 1 or (mine.attnotnull and theirs.attnotnull))
and not exists (
  select
  from unnest(k.conkey, k.confkey) as pair (child, parent)
  join pg_catalog.pg_attribute c on c.attrelid = k.conrelid and c.attnum = pair.child
  where pair.parent = theirs.attnum and c.attname ~ ('(^|_)' || mine.attname || '$')
)
