-- Nobody subscribes to tenants' rows without being known.
-- Severity: warning
select
  format('publication %I', p.pubname) as object,
  format('%s tables leave by it, whole: row security does not hold replication', count(*)) as detail,
  format('drop publication %I;', p.pubname) as fix
from pg_catalog.pg_publication p
join base_table t on p.puballtables or exists (
  select from pg_catalog.pg_publication_rel r where r.prpubid = p.oid and r.prrelid = t.oid
  union all
  select from pg_catalog.pg_publication_namespace n
  join pg_catalog.pg_class c on c.relnamespace = n.pnnspid
  where n.pnpubid = p.oid and c.oid = t.oid
)
group by p.pubname
