import { type MatrixPart, row } from "./part.ts";

export const OPERATIONS: MatrixPart = {
  visible: {
    "app_public.notifications": row(0, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    "app_public.job_dead_letters": row(0, 0, 0, 0, 0, 0, 1, 1, 0, 3, 3, 0, 0, 0, 0),
    "app_public.trigger_failures": row(0, 0, 0, 0, 0, 0, 1, 1, 0, 3, 3, 0, 0, 0, 0),
  },
  writes: [
    {
      title: "mark a notification as read",
      sql: "update app_public.notifications set read_at = now() where id = $1",
      values: ({ here }) => [here.notificationId],
      allowed: ["provider"],
    },
  ],
  refused: [
    "insert into app_public.notifications (organization_id, user_id, kind, subject_table, subject_id, effect_key) values (gen_random_uuid(), auth.uid(), '', '', gen_random_uuid(), '')",
    "select payload from app_public.job_dead_letters",
    "update app_public.job_dead_letters set resolved_at = now()",
    "update app_public.trigger_failures set resolved_at = now()",
    "select * from app_audit.events",
    "select session_id from app_audit.events",
    "insert into app_audit.events (actor_role, command, table_name, row_id, changed_fields) values ('x', 'INSERT', 'x', gen_random_uuid(), '{}')",
    "select * from app_audit.seals",
    "select * from app_audit.legal_holds",
    "select * from app_audit.retention_policies",
    "select * from app_private.backfill_runs",
    "select * from app_private.worker_heartbeats",
    "select app_hidden.beat_worker('w', false)",
    "select graphile_worker.add_job('appointment__notify')",
    "select app_private.add_job('appointment__notify', '{}')",
    "select app_private.record_trigger_failure(null, '', '', null, '')",
    "select app_private.reset_access('app_public.patients')",
    "create temporary table t (id int)",
    "create table app_public.t (id int)",
    "create table app_vault.t (id int)",
    "set role app_owner",
    "set role app_share_reader",
    "set session authorization app_owner",
    "select pg_advisory_lock(1)",
    "select set_config('role', 'app_authenticator', true)",
  ],
};
