import type { ClientBase } from "pg";

/** Somewhere else in the organization. */
const OTHER_CLINIC = `cross join lateral (
  select c.id as other_id from app_public.clinics c
  where c.organization_id = x.organization_id and c.id <> x.clinic_id order by c.id limit 1
) other`;

const METRICS = (area: string, keys: string) => `
insert into app_public.${area}_metrics (organization_id, clinic_id, metric_key, day, source, value)
select organization_id, id, key, date '2026-01-01' + d, 'manual', 1
from app_public.clinics, unnest('{${keys}}'::text[]) as key, generate_series(0, 99) as d`;

/**
 * Rows for every list of the API that `generate` leaves empty, made from its clinics, people and appointments. Only their
 * number and their spread over tenants matter: triggers and foreign keys are off, for good.
 */
const FILLINGS: readonly string[] = [
  `insert into app_public.care_sessions (organization_id, clinic_id, patient_id, provider_id, appointment_id, started_at, ended_at, status)
   select organization_id, clinic_id, patient_id, provider_id, id, starts_at, ends_at, 'completed'
   from app_public.appointments where status = 'completed' and get_byte(uuid_send(id), 15) % 4 = 0`,
  `insert into app_public.session_transcripts (organization_id, clinic_id, care_session_id)
   select organization_id, clinic_id, id from app_public.care_sessions where get_byte(uuid_send(id), 14) % 2 = 0`,
  `insert into app_public.notifications (organization_id, user_id, kind, subject_table, subject_id, effect_key, created_at)
   select organization_id, provider_id, 'appointment_booked', 'appointments', id, id, starts_at from app_public.appointments
   where get_byte(uuid_send(id), 15) % 16 = 0`,
  `insert into app_public.export_requests (organization_id, clinic_id, kind, created_by, created_at, expires_at)
   select organization_id, clinic_id, 'patients', provider_id, starts_at, starts_at + interval '7 days'
   from app_public.appointments where get_byte(uuid_send(id), 15) % 16 = 0`,
  METRICS("financial", "revenue,expenses"),
  METRICS("appointment", "appointments_booked,appointments_completed"),
  METRICS("call", "calls_received,calls_missed"),
  METRICS("patient", "patients_seen,patients_new"),
  `insert into app_public.metric_aggregations (organization_id, clinic_id, area, metric_key, source, period, starts_on, sum, count)
   select organization_id, clinic_id, area, metric_key, source, 'day'::app_public.metric_period, day, value, 1 from app_public.appointment_metrics
   union all
   select organization_id, clinic_id, area, metric_key, source, 'day', day, value, 1 from app_public.financial_metrics`,
  `insert into app_public.goal_templates (organization_id, name, area, metric_key, target)
   select id, 'Template ' || n, 'call', 'calls_received', n from app_public.organizations, generate_series(1, 200) as n`,
  `insert into app_public.goals (organization_id, clinic_id, name, area, metric_key, target, starts_on, ends_on)
   select organization_id, id, 'Goal ' || n, 'call', 'calls_received', n, date '2024-01-01' + n, date '2024-02-01' + n
   from app_public.clinics, generate_series(1, 100) as n`,
  `insert into app_public.goal_progress (organization_id, clinic_id, goal_id)
   select organization_id, clinic_id, id from app_public.goals`,
  `insert into app_public.reports (organization_id, clinic_id, period, starts_on, ends_on, figures)
   select organization_id, id, 'week', date '2024-01-01' + 7 * n, date '2024-01-07' + 7 * n, '[]'
   from app_public.clinics, generate_series(1, 100) as n`,
  `insert into app_public.resource_shares (organization_id, owner_clinic_id, clinic_id, care_session_id)
   select x.organization_id, x.clinic_id, other_id, x.id
   from app_public.care_sessions x ${OTHER_CLINIC} where get_byte(uuid_send(x.id), 14) % 2 = 0`,
  `insert into app_public.patient_clinic_links (organization_id, clinic_id, patient_id, home_clinic_id)
   select x.organization_id, other_id, x.id, x.clinic_id
   from (select organization_id, id, home_clinic_id as clinic_id from app_public.patients) x ${OTHER_CLINIC}
   where get_byte(uuid_send(x.id), 15) % 2 = 0`,
  `insert into app_public.break_glass_grants (organization_id, patient_id, home_clinic_id, user_id, reason, created_at, expires_at)
   select x.organization_id, x.patient_id, x.clinic_id, x.provider_id, 'Made for a test of plans.', x.starts_at,
     x.starts_at + interval '1 hour'
   from app_public.appointments x where get_byte(uuid_send(x.id), 15) % 16 = 0`,
  `insert into app_public.invitations (organization_id, clinic_id, email, organization_role, clinic_role, code_hash, expires_at)
   select organization_id, id, 'person-' || n || '@example.com', 'member', 'staff', uuid_send(gen_random_uuid()), now()
   from app_public.clinics, generate_series(1, 100) as n`,
  `insert into app_public.integrations (organization_id, clinic_id, provider, name)
   select organization_id, id, 'google_sheets', 'Sheet ' || n from app_public.clinics, generate_series(1, 50) as n`,
  `insert into app_public.integration_sync_runs (organization_id, clinic_id, integration_id, status, started_at, finished_at)
   select organization_id, clinic_id, id, 'succeeded', now() + n * interval '1 hour', now() + n * interval '1 hour'
   from app_public.integrations, generate_series(1, 10) as n`,
  `insert into app_public.webhook_endpoints (organization_id, url, event_kinds)
   select id, 'https://example.com/' || n, '{appointment_created}' from app_public.organizations, generate_series(1, 20) as n`,
  `insert into app_public.webhook_deliveries (organization_id, clinic_id, endpoint_id, event_id, event_kind, subject_ids)
   select a.organization_id, a.clinic_id, e.id, a.id, 'appointment_created', array[a.id]
   from app_public.appointments a
   cross join lateral (select id from app_public.webhook_endpoints where organization_id = a.organization_id order by id limit 1) e
   where get_byte(uuid_send(a.id), 15) % 16 = 0`,
  `insert into app_public.session_templates (organization_id, clinic_id, name, version, body)
   select organization_id, id, 'Template ' || n, 1, 'Body' from app_public.clinics, generate_series(1, 100) as n`,
  `insert into app_public.trigger_failures (organization_id, trigger_name, table_name, error_code)
   select id, '_400', 'appointments', 'BADIN' from app_public.organizations, generate_series(1, 200) as n`,
  `insert into app_public.job_dead_letters (organization_id, task, payload, error_code, attempts, job_id)
   select id, 'appointment__notify', '{}', 'BADIN', 1, n from app_public.organizations, generate_series(1, 200) as n`,
  `insert into app_public.consents (user_id, kind, granted)
   select id, 'marketing', n % 2 = 0 from app_public.users, generate_series(1, 20) as n`,
  `insert into app_vault.device_keys (user_id, signing_key, agreement_key, challenge, proof, state, ended_at)
   select u.id, k.bytes, k.bytes, k.bytes, k.bytes || k.bytes, 'revoked', now()
   from app_public.users u, generate_series(1, 10) as n, lateral (select sha256(uuid_send(u.id) || int4send(n)) as bytes) k`,
  `insert into app_vault.wrapped_keys (user_id, device_key_id, key_id, ephemeral_key, nonce, ciphertext)
   select user_id, id, gen_random_uuid(), agreement_key, substr(signing_key, 1, 12), signing_key || uuid_send(id)
   from app_vault.device_keys`,
  `insert into app_vault.encrypted_cycle_data (id, user_id, algorithm, key_id, nonce, ciphertext, aad)
   select r.id, u.id, 'AES-256-GCM', u.id, substr(sha256(uuid_send(r.id)), 1, 12), sha256(uuid_send(r.id)),
     app_hidden.envelope_aad('app_vault.encrypted_cycle_data', r.id, u.id, 1, 1::smallint, 'AES-256-GCM', u.id)
   from app_public.users u, generate_series(1, 20) as n, lateral (select md5(u.id::text || n)::uuid as id) r`,
  `insert into app_vault.encrypted_user_prefs (id, user_id, algorithm, key_id, nonce, ciphertext, aad)
   select u.id, u.id, 'AES-256-GCM', u.id, substr(sha256(uuid_send(u.id)), 1, 12), sha256(uuid_send(u.id)),
     app_hidden.envelope_aad('app_vault.encrypted_user_prefs', u.id, u.id, 1, 1::smallint, 'AES-256-GCM', u.id)
   from app_public.users u`,
  `insert into app_vault.healthcare_shares (user_id, expires_at)
   select id, now() + interval '1 day' from app_public.users, generate_series(1, 10) as n`,
  `insert into app_vault.healthcare_share_records (user_id, share_id, record_id, key_id, nonce, ciphertext)
   select s.user_id, s.id, d.id, d.key_id, d.nonce, d.ciphertext || substr(d.ciphertext, 1, 16)
   from app_vault.healthcare_shares s
   cross join lateral (select * from app_vault.encrypted_cycle_data d where d.user_id = s.user_id limit 1) d`,
  `insert into app_vault.share_tokens (user_id, share_id, token_hash, expires_at)
   select user_id, id, sha256(uuid_send(id)), now() + interval '1 day' from app_vault.healthcare_shares`,
];

const DISABLE_TRIGGERS = `
do $$
declare
  v_table regclass;
begin
  for v_table in
    select c.oid from pg_catalog.pg_class c
    where c.relkind = 'r' and c.relnamespace in ('app_public'::regnamespace, 'app_vault'::regnamespace)
  loop
    execute format('alter table %s disable trigger all', v_table);
  end loop;
end
$$`;

/** Runs as superuser, and leaves statistics for the planner. The database is for reading from then on. */
export async function fillTables(client: ClientBase): Promise<void> {
  await client.query(DISABLE_TRIGGERS);
  for (const filling of FILLINGS) {
    await client.query(filling);
  }
  await client.query("vacuum (analyze)");
}
