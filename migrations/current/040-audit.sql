-- Ids without foreign keys: what happened stays on record after the rows it happened to are gone.
create table if not exists app_audit.events (
  id uuid not null default app_hidden.uuid_v7(),
  occurred_at timestamptz not null default clock_timestamp(),
  transaction_id xid8 not null default pg_current_xact_id(),
  organization_id uuid,
  clinic_id uuid,
  actor_id uuid,
  session_id uuid,
  actor_role text not null,
  command text not null,
  table_name text not null,
  row_id uuid not null,
  changed_fields text[] not null,
  purpose_of_use text,
  request_id text,
  primary key (id, occurred_at),
  constraint events_command_is_known check (command in ('INSERT', 'UPDATE', 'DELETE')),
  constraint events_person_is_named check (actor_role <> 'app_user' or actor_id is not null)
) partition by range (occurred_at);
create index if not exists events_organization_id_occurred_at_idx
  on app_audit.events (organization_id, occurred_at desc, id);
create index if not exists events_actor_id_occurred_at_idx on app_audit.events (actor_id, occurred_at desc, id);
create index if not exists events_row_id_occurred_at_idx on app_audit.events (row_id, occurred_at desc);

--!include audit/events.sql
--!include audit/create_partitions.sql
--!include audit/audit_changes.sql
--!include audit/audited_tables.sql

select app_audit.create_partitions();
