import type { ClientBase } from "pg";

export interface DocumentedColumn {
  name: string;
  /** Without schema and modifiers, as `timestamptz` or `text[]`. */
  type: string;
  isNullable: boolean;
  isPrimaryKey: boolean;
}

export interface DocumentedReference {
  /** Qualified. */
  target: string;
  columns: string[];
  /** The column that says which row is meant; the others of a composite key hold its tenant. */
  meaning: string;
  isNullable: boolean;
  /** At most one row for each row that is referred to. */
  isUnique: boolean;
}

export interface DocumentedPolicy {
  name: string;
  /** `all`, `select`, `insert`, `update` or `delete`. */
  command: string;
  isPermissive: boolean;
  roles: string[];
}

export interface DocumentedTable {
  /** Qualified. */
  name: string;
  schema: string;
  isView: boolean;
  /** Without smart tags; empty if there is none. */
  description: string;
  /** Whether its comment keeps it out of the API. */
  isHidden: boolean;
  /** Whether app_user may select at least one column. */
  isReadable: boolean;
  isForced: boolean;
  columns: DocumentedColumn[];
  references: DocumentedReference[];
  policies: DocumentedPolicy[];
}

const COLUMNS = `
  select json_agg(json_build_object(
    'name', a.attname,
    'type', regexp_replace(y.typname, '^_(.*)', '\\1[]'),
    'isNullable', not a.attnotnull,
    'isPrimaryKey', coalesce(a.attnum = any (k.conkey), false)
  ) order by a.attnum)
  from pg_catalog.pg_attribute a
  join pg_catalog.pg_type y on y.oid = a.atttypid
  left join pg_catalog.pg_constraint k on k.conrelid = a.attrelid and k.contype = 'p'
  where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped`;

const REFERENCES = `
  select json_agg(json_build_object(
    'target', format('%I.%I', n.nspname, p.relname),
    'columns', array(
      select a.attname
      from unnest(f.conkey) with ordinality as key (attnum, place)
      join pg_catalog.pg_attribute a on a.attrelid = f.conrelid and a.attnum = key.attnum
      order by key.place
    ),
    'meaning', (
      select a.attname
      from unnest(f.conkey, f.confkey) with ordinality as key (mine, theirs, place)
      join pg_catalog.pg_attribute a on a.attrelid = f.conrelid and a.attnum = key.mine
      left join pg_catalog.pg_constraint k on k.conrelid = f.confrelid and k.contype = 'p'
      order by key.theirs = any (k.conkey) desc, key.place desc
      limit 1
    ),
    'isNullable', exists (
      select from pg_catalog.pg_attribute a
      where a.attrelid = f.conrelid and a.attnum = any (f.conkey) and not a.attnotnull
    ),
    'isUnique', exists (
      select from pg_catalog.pg_index i
      where i.indrelid = f.conrelid and i.indisunique and i.indpred is null
      and (i.indkey::int2[])[0:i.indnkeyatts - 1] <@ f.conkey
    )
  ) order by f.conname)
  from pg_catalog.pg_constraint f
  join pg_catalog.pg_class p on p.oid = f.confrelid
  join pg_catalog.pg_namespace n on n.oid = p.relnamespace
  where f.conrelid = t.oid and f.contype = 'f' and f.conparentid = 0`;

const POLICIES = `
  select json_agg(json_build_object(
    'name', p.polname,
    'command', case p.polcmd
      when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all'
    end,
    'isPermissive', p.polpermissive,
    'roles', array(select r.rolname from pg_catalog.pg_roles r where r.oid = any (p.polroles) order by r.rolname)
  ) order by p.polpermissive, p.polname)
  from pg_catalog.pg_policy p
  where p.polrelid = t.oid`;

const TABLES = `
select format('%I.%I', n.nspname, t.relname) as name, n.nspname as schema, t.relkind = 'v' as "isView",
  btrim(regexp_replace(coalesce(obj_description(t.oid, 'pg_class'), ''), '^(@.*\\n?)*', '', 'n')) as description,
  coalesce(obj_description(t.oid, 'pg_class'), '') ~ '@behavior -\\*' as "isHidden",
  has_any_column_privilege('app_user', t.oid, 'select') as "isReadable",
  t.relrowsecurity and t.relforcerowsecurity as "isForced",
  coalesce((${COLUMNS}), '[]') as columns,
  coalesce((${REFERENCES}), '[]') as "references",
  coalesce((${POLICIES}), '[]') as policies
from pg_catalog.pg_class t
join pg_catalog.pg_namespace n on n.oid = t.relnamespace
where n.nspname ~ '^app_' and t.relkind in ('r', 'p', 'v') and not t.relispartition
order by n.nspname collate "C", t.relname collate "C"`;

/**
 * Every table and view of the application's schemas, by qualified name, partitions left out.
 *
 * @param client any connection to a migrated database; it only reads the system catalogues.
 */
export async function readTables(client: ClientBase): Promise<DocumentedTable[]> {
  return (await client.query<DocumentedTable>(TABLES)).rows;
}
