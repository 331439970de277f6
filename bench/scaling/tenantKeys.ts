import { withClient } from "../../src/database/withClient.ts";

/**
 * Unique keys and foreign keys of tables that have a tenant, and whether they carry it. Only those that do can be kept by one
 * of several servers among which tenants are distributed.
 */
const TENANT_KEYS = `\
with tenant_tables as (
  select c.oid, n.nspname, c.relname, a.attnum as tenant
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = 'organization_id' and not a.attisdropped
  where n.nspname ~ '^app_' and c.relkind in ('r', 'p') and not c.relispartition
)
select case k.contype when 'f' then 'foreign key' when 'p' then 'primary key' else 'unique' end as kind,
  t.tenant = any (k.conkey) as carries, t.nspname || '.' || t.relname as "table", k.conname as name,
  pg_catalog.pg_get_constraintdef(k.oid) as definition,
  k.contype = 'f' and not exists (select from tenant_tables r where r.oid = k.confrelid) as "toShared"
from tenant_tables t
join pg_catalog.pg_constraint k on k.conrelid = t.oid and k.contype in ('p', 'u', 'f')
union all
select 'unique index', t.tenant = any (i.indkey::int2[]), t.nspname || '.' || t.relname, x.relname,
  pg_catalog.pg_get_indexdef(i.indexrelid), false
from tenant_tables t
join pg_catalog.pg_index i on i.indrelid = t.oid and i.indisunique
join pg_catalog.pg_class x on x.oid = i.indexrelid
where not exists (select from pg_catalog.pg_constraint k where k.conindid = i.indexrelid)
order by kind, carries, "table", name`;

interface Key {
  kind: string;
  carries: boolean;
  table: string;
  name: string;
  definition: string;
  /** A foreign key to a table that every server would have whole. */
  toShared: boolean;
}

/** Prints how many keys carry the tenant, and each that does not. */
export async function tenantKeys(url: string): Promise<void> {
  const { rows } = await withClient(url, (client) => client.query<Key>(TENANT_KEYS));
  for (const kind of new Set(rows.map((row) => row.kind))) {
    const keys = rows.filter((row) => row.kind === kind);
    const without = keys.filter(({ carries }) => !carries);
    const shared = without.filter(({ toShared }) => toShared);
    console.log(`${kind}: ${keys.length - without.length} carry the tenant, ${without.length} do not`);
    if (shared.length > 0) {
      console.log(`  ${shared.length} of these refer to tables without a tenant`);
    }
    for (const { table, name, definition, toShared } of without) {
      if (!toShared && kind !== "primary key") {
        console.log(`  ${table} ${name}: ${definition}`);
      }
    }
  }
}
