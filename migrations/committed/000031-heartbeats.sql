--! Previous: sha1:f33d4866b13dce685f33ecb84b59fa5160a9c88a
--! Hash: sha1:120d40db75a6c88b256105add81ac5ccc79b02f2
--! Message: heartbeats

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 220-heartbeats.sql
-- What `/ready` and `/metrics` ask about the worker, the queue and the audit.
create table if not exists app_private.worker_heartbeats (
  worker_id text primary key,
  started_at timestamptz not null default now(),
  beaten_at timestamptz not null default now(),
  stopped_at timestamptz,
  constraint worker_heartbeats_id_is_short check (worker_id ~ '^[a-z0-9-]{1,64}$')
);

--! Included operations/worker_heartbeats.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_private.worker_heartbeats');

-- Written and read by the two functions that stand below and in operational_state.sql; no role of a request has a grant.
create policy all_definer on app_private.worker_heartbeats
  to app_definer
  using (worker_id <> '')
  with check (worker_id <> '');

grant select, insert (worker_id), update (beaten_at, stopped_at), delete on app_private.worker_heartbeats to app_definer;

set local role app_definer;

-- A worker says that it is alive, or (`is_last`) that it stops in order. Definer, because a worker has nothing to do with the
-- rows of others. Who has been silent for a day is forgotten: workers come and go with every deployment.
create or replace function app_hidden.beat_worker(worker_id text, is_last boolean) returns void as $$
  delete from app_private.worker_heartbeats h
  where h.beaten_at < now() - interval '1 day' and h.worker_id <> beat_worker.worker_id;
  insert into app_private.worker_heartbeats as h (worker_id)
  values (beat_worker.worker_id)
  on conflict on constraint worker_heartbeats_pkey do update
    set beaten_at = now(), stopped_at = case when beat_worker.is_last then now() end;
$$ language sql volatile security definer set search_path to '';

grant execute on function app_hidden.beat_worker(text, boolean) to app_worker;

reset role;

-- Documentation ---------------------------------------------------------------

comment on table app_private.worker_heartbeats is
  'One row for each worker process: when it last said that it is alive, and whether it has stopped in order.';
--! EndIncluded operations/worker_heartbeats.sql
--! Included operations/operational_state.sql
-- The first event that no seal covers is found through the ids, which rise with time: two columns, no content.
drop policy if exists select_definer on app_audit.events;
create policy select_definer on app_audit.events for select to app_definer using (occurred_at is not null);
grant select (id, occurred_at) on app_audit.events to app_definer;

set local role app_definer;

-- How the installation does, in numbers of the whole: for the gateway, which asks as `app_anonymous`, since the role that it
-- signs in with has no privilege of its own. Definer, because no role of a request sees the queue, the workers or the seals.
-- Seconds are null where there is nothing to count from: no worker was ever started, or nothing was ever sealed.
create or replace function app_hidden.operational_state(
  out worker_silent_seconds float8,
  out audit_unsealed_seconds float8,
  out jobs_waiting int,
  out jobs_running int,
  out jobs_failed int,
  out oldest_job_seconds float8
) as $$
begin
  -- The worker that was heard last; one that has stopped in order is not missed.
  select extract(epoch from clock_timestamp() - max(h.beaten_at))
  into worker_silent_seconds
  from app_private.worker_heartbeats h
  where h.stopped_at is null;

  select coalesce((
    select extract(epoch from clock_timestamp() - e.occurred_at)
    from app_audit.events e
    where e.id > last.last_event_id
    order by e.id
    limit 1
  ), 0)
  into audit_unsealed_seconds
  from (select s.last_event_id from app_audit.seals s order by s.last_event_id desc limit 1) as last;

  -- The queue is short, or something is wrong; then how wrong does not matter to the last job.
  select
    count(*) filter (where j.locked_at is null and j.attempts < j.max_attempts and j.run_at <= now()),
    count(*) filter (where j.locked_at is not null),
    count(*) filter (where j.locked_at is null and j.attempts >= j.max_attempts),
    coalesce(extract(epoch from now() - min(j.run_at) filter (
      where j.locked_at is null and j.attempts < j.max_attempts and j.run_at <= now()
    )), 0)
  into jobs_waiting, jobs_running, jobs_failed, oldest_job_seconds
  from (
    select q.locked_at, q.attempts, q.max_attempts, q.run_at
    from graphile_worker._private_jobs q
    limit 100000
  ) as j;
end;
$$ language plpgsql stable security definer set search_path to '';

grant execute on function app_hidden.operational_state() to app_anonymous;

reset role;
--! EndIncluded operations/operational_state.sql
