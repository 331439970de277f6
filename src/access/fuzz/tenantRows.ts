import type { ClientBase } from "pg";

export interface TenantTable {
  /** Schema-qualified and quoted. */
  name: string;
  /** Of type uuid, except those that say who wrote the row or for whom it is: that is not what it belongs to. */
  ids: string[];
  hasId: boolean;
  columns: { name: string; type: string; isKey: boolean; isReadable: boolean }[];
}

const TABLES = `
  select format('%I.%I', n.nspname, c.relname) as name,
    coalesce(array_agg(quote_ident(a.attname) order by a.attnum) filter (
      where a.atttypid = 'uuid'::regtype and a.attname not in ('created_by', 'updated_by', 'recipient_clinic_id')
    ), '{}') as ids,
    bool_or(a.attname = 'id' and a.atttypid = 'uuid'::regtype) as "hasId",
    json_agg(json_build_object(
      'name', a.attname,
      'type', format_type(a.atttypid, null),
      'isKey', exists (
        select from pg_constraint k
        where k.conrelid = c.oid and k.contype in ('p', 'f') and a.attnum = any (k.conkey)
      ),
      'isReadable', n.nspname = any ($1) and has_column_privilege('app_user', c.oid, a.attnum, 'select')
    ) order by a.attnum) filter (where a.attgenerated = '') as columns
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  where n.nspname ~ '^app_' and c.relkind in ('r', 'p') and not c.relispartition
  group by n.nspname, c.relname
  having bool_or(a.atttypid = 'uuid'::regtype)
  order by 1`;

/** Where the walk keeps what it has to know inside the database that it walks; nothing of the API leads there. */
const SCHEMA = `
  create schema if not exists bailiwick_fuzz;
  grant usage on schema bailiwick_fuzz to app_authenticator;
  create table if not exists bailiwick_fuzz.foreign_ids (id uuid primary key)`;

/** Every table of the application that can hold rows of a tenant. */
export async function readTenantTables(
  client: ClientBase,
  exposedSchemas: readonly string[],
): Promise<TenantTable[]> {
  return (await client.query<TenantTable>(TABLES, [exposedSchemas])).rows;
}

/** Whether a row is the foreign tenant's: it names one of its ids. */
export function isForeign({ ids }: TenantTable): string {
  return ids.map((column) => `${column} in (select id from bailiwick_fuzz.foreign_ids)`).join(" or ");
}

/**
 * Collects the ids of everything that belongs to a tenant: from its own id and its people's along the columns that name
 * them, until nothing is added.
 */
export async function collectForeignIds(
  client: ClientBase,
  tables: readonly TenantTable[],
  seeds: readonly string[],
): Promise<Set<string>> {
  await client.query(SCHEMA);
  await client.query("insert into bailiwick_fuzz.foreign_ids select unnest($1::uuid[])", [seeds]);
  for (let added = 1; added > 0;) {
    added = 0;
    for (const table of tables.filter(({ hasId }) => hasId)) {
      const { rowCount } = await client.query(
        `insert into bailiwick_fuzz.foreign_ids select id from ${table.name} where ${isForeign(table)}
         on conflict do nothing`,
      );
      added += rowCount ?? 0;
    }
  }
  const { rows } = await client.query<{ id: string }>("select id from bailiwick_fuzz.foreign_ids");
  return new Set(rows.map(({ id }) => id));
}

/**
 * Makes `bailiwick_fuzz.digest()`: one hash for each table of what the foreign tenant has in it, whoever asks. The walk
 * asks at the end of each of its transactions, before it rolls back.
 */
export async function installDigest(client: ClientBase, tables: readonly TenantTable[]): Promise<void> {
  const parts = tables.map((table) => {
    const hash = "md5(coalesce(string_agg(t::text, ',' order by t::text), ''))";
    return `select '${table.name}' as name, ${hash} as hash from ${table.name} t where ${isForeign(table)}`;
  });
  await client.query(
    `create or replace function bailiwick_fuzz.digest() returns json
       language sql volatile security definer set search_path to ''
       return (select json_object_agg(d.name, d.hash) from (${parts.join(" union all ")}) d)`,
  );
  await client.query("revoke execute on function bailiwick_fuzz.digest() from public");
  await client.query("grant execute on function bailiwick_fuzz.digest() to app_authenticator");
}

/** @returns the hash of each table's foreign rows. */
export async function readDigest(client: ClientBase): Promise<Record<string, string>> {
  const { rows } = await client.query<{ digest: Record<string, string> }>(
    "select bailiwick_fuzz.digest() as digest",
  );
  return rows[0]?.digest ?? {};
}

/** Triggers that run in every session, also in one that replicates: those of the audit. */
const TENACIOUS_TRIGGERS = `
  select format('table %s %%s trigger %I', t.tgrelid::regclass, t.tgname) as clause
  from pg_trigger t
  join pg_class c on c.oid = t.tgrelid
  join pg_namespace n on n.oid = c.relnamespace
  where t.tgenabled = 'A' and t.tgparentid = 0 and not t.tgisinternal and n.nspname ~ '^app_'
  order by 1`;

/** Writes rows as they are, without a trigger or a foreign key that would say anything about it. */
export async function withoutTriggers(client: ClientBase, work: () => Promise<void>): Promise<void> {
  const { rows } = await client.query<{ clause: string }>(TENACIOUS_TRIGGERS);
  const alter = async (action: string) => {
    for (const { clause } of rows) {
      await client.query(`alter ${clause.replace("%s", action)}`);
    }
  };
  await client.query("begin; set local session_replication_role = replica");
  try {
    await alter("disable");
    await work();
    await alter("enable always");
    await client.query("commit");
  } catch (error) {
    await client.query("rollback");
    throw error;
  }
}

/** Removes every row of the foreign tenant, so that what the others are answered can be held against before. */
export async function removeForeignRows(client: ClientBase, tables: readonly TenantTable[]): Promise<void> {
  await withoutTriggers(client, async () => {
    for (const table of tables) {
      await client.query(`delete from ${table.name} where ${isForeign(table)}`);
    }
  });
}

/**
 * What people have read over HTTP is on record, and they may look at it: before each of two times that are compared, their
 * trail is without it. A throw-away database only: nothing else removes events.
 */
export async function forgetReads(client: ClientBase): Promise<void> {
  await client.query(`
    begin;
    alter table app_audit.events disable trigger _300_refuse_change;
    delete from app_audit.events where command in ('SELECT', 'ATTEMPT');
    alter table app_audit.events enable always trigger _300_refuse_change;
    commit`);
}
