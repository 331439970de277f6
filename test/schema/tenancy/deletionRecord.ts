import type { ClientBase } from "pg";

/** What goes with its owner and is not audited by itself; see the conventions. */
const UNAUDITED = [
  "app_private.backfill_originals",
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

/** One row of each table of app_public that goes with its organization (`$1`), by somebody (`$2`). */
export const OF_ORGANIZATION: readonly string[] = [
  "organization_memberships (organization_id, user_id, role) values ($1, $2, 'owner')",
  "organization_feature_flags (organization_id, flag_key, enabled, created_by) values ($1, 'integrations', true, $2)",
  "goal_templates (organization_id, name, area, metric_key, target, created_by) values ($1, 'T', 'call', 'calls_received', 1, $2)",
  "goals (organization_id, name, area, metric_key, target, starts_on, ends_on, created_by) values ($1, 'G', 'call', 'calls_received', 1, '2030-01-01', '2030-01-02', $2)",
  "reports (organization_id, period, starts_on, ends_on, figures, created_by) values ($1, 'week', '2029-12-31', '2030-01-06', '[]', $2)",
  "session_templates (organization_id, name, version, body, created_by) values ($1, 'T', 1, 'x', $2)",
  "invitations (organization_id, email, organization_role, code_hash, expires_at, created_by) values ($1, 'x@example.com', 'member', sha256('gone'), now(), $2)",
  "notifications (organization_id, user_id, kind, subject_table, subject_id, effect_key) values ($1, $2, 'x', 'x', $2, 'gone')",
  "job_dead_letters (organization_id, task, payload, error_code, attempts) values ($1, $2::uuid::text, '{}', 'P0001', 1)",
  "trigger_failures (organization_id, trigger_name, table_name, error_code) values ($1, $2::uuid::text, 'x', 'P0001')",
  "webhook_endpoints (organization_id, url, event_kinds, created_by) values ($1, 'https://example.com', '{appointment_created}', $2)",
];

/** What a row of an organization (`$1`) was before a backfill. */
export const KEPT_ORIGINAL = `with run as (
    insert into app_private.backfill_runs (name, table_name, organization_ids, definition_hash)
    values ('gone', 'app_public.patients', array[$1::uuid], 'x')
    returning id
  )
  insert into app_private.backfill_originals (run_id, table_name, row_id, original, written)
  select id, 'app_public.patients', id, jsonb_build_object('organization_id', $1), '{}' from run`;

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
