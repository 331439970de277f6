-- What `/ready` and `/metrics` ask about the worker, the queue and the audit.
create table if not exists app_private.worker_heartbeats (
  worker_id text primary key,
  started_at timestamptz not null default now(),
  beaten_at timestamptz not null default now(),
  stopped_at timestamptz,
  constraint worker_heartbeats_id_is_short check (worker_id ~ '^[a-z0-9-]{1,64}$')
);

--!include operations/worker_heartbeats.sql
--!include operations/operational_state.sql
