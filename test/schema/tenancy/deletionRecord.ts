import type { ClientBase } from "pg";

/** What goes with its owner and is not audited by itself; see the conventions. */
const UNAUDITED = [
  "app_private.email_tokens",
  "app_private.export_links",
  "app_private.idempotent_answers",
  "app_private.job_effects",
  "app_vault.device_key_challenges",
  "app_vault.spent_nonces",
];
/** Those of the tables that are audited by themselves; in order. */
export function audited(tables: readonly string[]): string[] {
  return tables.filter((table) => !UNAUDITED.includes(table)).sort();
}

/** The kept answer of somebody (`$1`) in an organization (`$2`). */
export const KEPT_ANSWER = `insert into app_private.idempotent_answers
  (user_id, organization_id, key_hash, request_hash, sealed_answer)
  values ($1, $2, sha256('k'), sha256('r'), decode(repeat('00', 28), 'hex'))`;

/** A token that was mailed to somebody (`$1`). */
export const MAILED_TOKEN = `insert into app_private.email_tokens (token_hash, user_id, email, expires_at)
  values (sha256('t'), $1, 'a@example.com', now())`;

/** A link to an export of somebody's (`$1`). */
export const EXPORT_LINK = `with asked as (
    insert into app_public.export_requests (organization_id, clinic_id, kind, created_by)
    select organization_id, id, 'metrics', $1 from app_public.clinics limit 1
    returning organization_id, id, created_by
  )
  insert into app_private.export_links (token_hash, organization_id, export_id, user_id, expires_at)
  select sha256('l'), organization_id, id, created_by, now() from asked`;

/** Tables whose rows go with a row of another, by their foreign key to it; in order. */
export async function cascadesFrom(client: ClientBase, table: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select format('%s.%s', n.nspname, c.relname) as name
     from pg_catalog.pg_constraint k
     join pg_catalog.pg_class c on c.oid = k.conrelid
     join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where k.contype = 'f' and k.confdeltype = 'c' and k.confrelid = $1::regclass
     order by name`,
    [table],
  );
  return rows.map((row) => row.name);
}

/** How many rows of each table have this value. */
export async function countBy(
  client: ClientBase,
  tables: readonly string[],
  column: string,
  id: string,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of tables) {
    const { rows } = await client.query(`select count(*)::int from ${table} where ${column} = $1`, [id]);
    counts[table] = rows[0].count;
  }
  return counts;
}

/** Which tables the audit says lost rows in this transaction; in order. */
export async function deletionsOnRecord(client: ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select distinct table_name as name from app_audit.events
     where command = 'DELETE' and transaction_id = pg_current_xact_id() order by name`,
  );
  return rows.map((row) => row.name);
}

/** How many events the audit holds under a condition on `$1`. */
export async function eventCount(client: ClientBase, condition: string, id: string): Promise<number> {
  const { rows } = await client.query(`select count(*)::int from app_audit.events where ${condition}`, [id]);
  return rows[0].count;
}
