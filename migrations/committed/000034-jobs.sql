--! Previous: sha1:6b99e7509943ac0e39cc1200650c92a3d7d93e30
--! Hash: sha1:76b1d1ab869b090d0a2ed4fd9256247933ad23e6
--! Message: jobs

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 30-jobs.sql
--! Included jobs/add_job.sql
set local role app_definer;

drop function if exists app_private.add_job(text, jsonb);

-- The one door to the queue. Payloads carry ids and who asked, never what the records say; tasks read the state themselves. A job
-- that a job adds is of the same person and request. Jobs with one `queue_name` run one after the other, in order: name it after
-- the record that they are about. With a `job_key`, a job replaces the one of that key that has not begun.
create or replace function app_private.add_job(
  task text,
  payload jsonb,
  run_at timestamptz = null,
  queue_name text = null,
  job_key text = null,
  max_attempts int = null
) returns void as $$
begin
  perform graphile_worker.add_job(
    identifier => add_job.task,
    payload => (add_job.payload || jsonb_strip_nulls(jsonb_build_object(
      'actorId', coalesce(auth.uid(), nullif(current_setting('app.job_actor_id', true), '')::uuid),
      'requestId', app_hidden.request_id()
    )))::json,
    run_at => add_job.run_at,
    queue_name => add_job.queue_name,
    job_key => add_job.job_key,
    max_attempts => add_job.max_attempts
  );
end;
$$ language plpgsql volatile security definer set search_path to '';

-- One job for each organization; for schedules, which belong to none. Returns how many.
create or replace function app_private.add_job_for_each_organization(task text, payload jsonb = '{}') returns int as $$
declare
  v_count int;
begin
  perform app_private.add_job(
    add_job_for_each_organization.task,
    add_job_for_each_organization.payload || jsonb_build_object('organizationId', o.id)
  )
  from app_public.organizations o;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$ language plpgsql volatile security definer set search_path to '';

reset role;
--! EndIncluded jobs/add_job.sql
--! Included jobs/job_effects_table.sql
-- What jobs have brought about, each by a key that its task makes: written in the transaction of the effect itself.
create table if not exists app_private.job_effects (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid references app_public.organizations on delete cascade,
  effect_key text not null,
  created_at timestamptz not null default now(),
  unique nulls not distinct (organization_id, effect_key),
  constraint job_effects_effect_key_is_bounded check (length(effect_key) between 1 and 300)
);
create index if not exists job_effects_created_at_idx on app_private.job_effects (created_at);
--! EndIncluded jobs/job_effects_table.sql
--! Included jobs/job_effects.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_private.job_effects');

-- Only the functions below: a key is claimed for the organization that the job's transaction sees, or for none.
create policy all_definer on app_private.job_effects
  to app_definer
  using (effect_key <> '')
  with check (effect_key <> '');

grant select, insert (organization_id, effect_key), delete on app_private.job_effects to app_definer;

-- Functions -------------------------------------------------------------------

set local role app_definer;

-- True the first time, for the transaction that asks. One that asks for the same key meanwhile waits for its end: it is told
-- false after a commit, and true after a rollback.
create or replace function app_hidden.claim_effect(effect_key text) returns boolean as $$
  with claimed as (
    insert into app_private.job_effects (organization_id, effect_key)
    values (app_hidden.current_organization_id(), claim_effect.effect_key)
    on conflict do nothing
    returning 1
  )
  select exists (select from claimed);
$$ language sql volatile strict security definer set search_path to '';

grant execute on function app_hidden.claim_effect(text) to app_worker;

reset role;

-- Documentation ---------------------------------------------------------------

comment on table app_private.job_effects is
  'What jobs have brought about, by key, so that a job that runs twice does it once. Forgotten when no job can come back for it.';
--! EndIncluded jobs/job_effects.sql
--! Included jobs/dead_letters_table.sql
alter table app_public.job_dead_letters add column if not exists job_id bigint;
alter table app_public.job_dead_letters add column if not exists reason text not null default '';
alter table app_public.job_dead_letters add column if not exists resolution text;
alter table app_public.job_dead_letters drop constraint if exists job_dead_letters_resolution_is_known;
alter table app_public.job_dead_letters add constraint job_dead_letters_resolution_is_known
  check (resolution in ('retried', 'dropped'));
-- A job whose worker dies right after parking it runs and is parked again: it stays one dead letter.
create unique index if not exists job_dead_letters_organization_id_job_id_key
  on app_public.job_dead_letters (organization_id, job_id) nulls not distinct;
--! EndIncluded jobs/dead_letters_table.sql
--! Included jobs/failures.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.job_dead_letters');
select app_private.reset_access('app_public.trigger_failures');

create policy tenant_boundary on app_public.job_dead_letters
  as restrictive to app_user
  using (
    organization_id = any (array(select app_hidden.my_organization_ids()))
    or (organization_id is null and (select app_hidden.is_superadmin()))
  )
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));
create policy select_administrator on app_public.job_dead_letters
  for select to app_user
  using (
    organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
    or (select app_hidden.is_superadmin())
  );
-- Jobs are parked, and what was parked is settled, by the functions of dead_letters.sql.
create policy all_definer on app_public.job_dead_letters
  to app_definer
  using (attempts >= 0)
  with check (attempts >= 0);

create policy tenant_boundary on app_public.trigger_failures
  as restrictive to app_user
  using (
    organization_id = any (array(select app_hidden.my_organization_ids()))
    or (organization_id is null and (select app_hidden.is_superadmin()))
  )
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));
create policy select_administrator on app_public.trigger_failures
  for select to app_user
  using (
    organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
    or (select app_hidden.is_superadmin())
  );
create policy insert_definer on app_public.trigger_failures
  for insert to app_definer
  with check (resolved_at is null);

-- Payloads hold ids only, and stay the operator's and the worker's business.
grant select (id, organization_id, task, error_code, reason, attempts, resolution, resolved_at, created_at, updated_at)
on app_public.job_dead_letters to app_user;
grant
  select,
  insert (organization_id, job_id, task, payload, error_code, reason, attempts),
  update (resolution, resolved_at),
  delete
on app_public.job_dead_letters to app_definer;
grant select (id, organization_id, trigger_name, table_name, record_id, error_code, created_at, resolved_at)
on app_public.trigger_failures to app_user;
grant insert (organization_id, trigger_name, table_name, record_id, error_code)
on app_public.trigger_failures to app_definer;

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.job_dead_letters');
select app_private.audit_changes('app_public.job_dead_letters');
select app_private.audit_changes('app_public.trigger_failures');

set local role app_definer;

-- What an advisory rule's trigger does with its own failure: on record, and the write goes on.
create or replace function app_private.record_trigger_failure(
  organization_id uuid,
  trigger_name text,
  table_name text,
  record_id uuid,
  error_code text
) returns void as $$
  insert into app_public.trigger_failures (organization_id, trigger_name, table_name, record_id, error_code)
  values (
    record_trigger_failure.organization_id,
    record_trigger_failure.trigger_name,
    record_trigger_failure.table_name,
    record_trigger_failure.record_id,
    record_trigger_failure.error_code
  );
$$ language sql volatile security definer set search_path to '';

grant execute on function app_private.record_trigger_failure(uuid, text, text, uuid, text) to app_owner;

reset role;

-- Documentation ---------------------------------------------------------------

comment on table app_public.job_dead_letters is 'A job that failed for good and waits for somebody to look at it.';
comment on column app_public.job_dead_letters.id is 'The entry’s id.';
comment on column app_public.job_dead_letters.organization_id is 'The organization the job worked for; null for the system’s.';
comment on column app_public.job_dead_letters.task is 'What kind of job it was.';
comment on column app_public.job_dead_letters.payload is E'@behavior -select\nIds the job was given.';
comment on column app_public.job_dead_letters.error_code is 'Why it failed.';
comment on column app_public.job_dead_letters.reason is 'Why, in a sentence that quotes no record.';
comment on column app_public.job_dead_letters.job_id is E'@behavior -select\nThe number that the queue knew it by.';
comment on column app_public.job_dead_letters.resolution is 'What somebody did about it: `retried` or `dropped`.';
comment on column app_public.job_dead_letters.attempts is 'How often it was tried.';
comment on column app_public.job_dead_letters.resolved_at is 'When somebody settled it.';
comment on column app_public.job_dead_letters.created_at is 'When it was given up.';
comment on column app_public.job_dead_letters.updated_at is 'When the entry last changed.';
comment on table app_public.trigger_failures is 'A rule that only advises failed; the write it belonged to went through.';
comment on column app_public.trigger_failures.id is 'The entry’s id.';
comment on column app_public.trigger_failures.organization_id is 'The organization of the record.';
comment on column app_public.trigger_failures.trigger_name is 'The rule.';
comment on column app_public.trigger_failures.table_name is 'The table of the record.';
comment on column app_public.trigger_failures.record_id is 'The record.';
comment on column app_public.trigger_failures.error_code is 'Postgres’ code for what went wrong.';
comment on column app_public.trigger_failures.created_at is 'When.';
comment on column app_public.trigger_failures.resolved_at is 'When somebody settled it.';
--! EndIncluded jobs/failures.sql
--! Included jobs/dead_letters.sql
set local role app_definer;

-- Keeps a job that is given up: what it was, from the queue's own row, and why. False where it is not in the queue (any more), or its
-- organization is gone. A job of an organization is parked there, a system job nowhere.
create or replace function app_hidden.park_job(job_id bigint, error_code text, reason text) returns boolean as $$
  with parked as (
    insert into app_public.job_dead_letters (organization_id, job_id, task, payload, error_code, reason, attempts)
    select o.id, j.id, t.identifier, j.payload::jsonb, park_job.error_code, left(park_job.reason, 500), j.attempts
    from graphile_worker._private_jobs j
    join graphile_worker._private_tasks t on t.id = j.task_id
    left join app_public.organizations o on o.id::text = j.payload ->> 'organizationId'
    where j.id = park_job.job_id
    and (o.id is not null or j.payload ->> 'organizationId' is null)
    on conflict do nothing
    returning 1
  )
  select exists (select from parked);
$$ language sql volatile strict security definer set search_path to '';

grant execute on function app_hidden.park_job(bigint, text, text) to app_worker;

reset role;
--! EndIncluded jobs/dead_letters.sql
--! Included jobs/take_over.sql
set local role app_definer;

-- Gives back the jobs of workers that have been silent for so long: killed, cut off or paused. Called by the workers that are alive.
-- A worker that comes back finds at its next commit that the job is not its own any more. Jobs that are locked by nobody who
-- ever gave a heartbeat count from when they were locked.
--
-- What has no attempt left after that is parked: each worker that had it has died, which may be what the job does to workers.
create or replace function app_hidden.take_over_jobs(silence interval, out jobs_taken int, out jobs_parked int) as $$
declare
  v_living text[] := array(
    select h.worker_id
    from app_private.worker_heartbeats h
    where h.stopped_at is null and h.beaten_at > now() - take_over_jobs.silence
  );
begin
  with lost as (
    select j.id
    from graphile_worker._private_jobs j
    where j.locked_at < now() - take_over_jobs.silence
    and j.locked_by <> all (v_living)
    for update skip locked
  )
  update graphile_worker._private_jobs j
  set locked_by = null, locked_at = null
  from lost
  where j.id = lost.id;
  get diagnostics jobs_taken = row_count;

  with lost as (
    select q.id
    from graphile_worker._private_job_queues q
    where q.locked_at < now() - take_over_jobs.silence
    and q.locked_by <> all (v_living)
    and not exists (
      select from graphile_worker._private_jobs j where j.job_queue_id = q.id and j.locked_by is not null
    )
    for update skip locked
  )
  update graphile_worker._private_job_queues q
  set locked_by = null, locked_at = null
  from lost
  where q.id = lost.id;

  with exhausted as (
    select j.id
    from graphile_worker._private_jobs j
    where j.locked_by is null and j.attempts >= j.max_attempts
    for update skip locked
  ),
  parked as (
    select
      e.id,
      app_hidden.park_job(e.id, 'worker_lost', 'Each worker that had the job ended before the job did.') as is_new
    from exhausted e
  )
  delete from graphile_worker._private_jobs j
  using parked
  where j.id = parked.id;
  get diagnostics jobs_parked = row_count;
end;
$$ language plpgsql volatile security definer set search_path to '';

-- Of a worker that stops before the job is done: the job waits as if this attempt had not begun. Nothing where it is not that worker's.
create or replace function app_hidden.give_back_job(job_id bigint, worker_id text) returns void as $$
  update graphile_worker._private_job_queues q
  set locked_by = null, locked_at = null
  from graphile_worker._private_jobs j
  where j.id = give_back_job.job_id
  and j.locked_by = give_back_job.worker_id
  and q.id = j.job_queue_id
  and q.locked_by = give_back_job.worker_id;
  update graphile_worker._private_jobs j
  set locked_by = null, locked_at = null, attempts = greatest(j.attempts - 1, 0)
  where j.id = give_back_job.job_id
  and j.locked_by = give_back_job.worker_id;
$$ language sql volatile strict security definer set search_path to '';

grant execute on function app_hidden.take_over_jobs(interval), app_hidden.give_back_job(bigint, text) to app_worker;

reset role;
--! EndIncluded jobs/take_over.sql
--! Included jobs/operate_jobs.sql
set local role app_definer;

-- Every job that is not done, for the operator's commands (`npx bailiwick jobs`), which sign in as the worker. Parked ones have a
-- uuid, those of the queue a number.
create or replace function app_hidden.list_jobs()
returns table (
  id text,
  state text,
  task text,
  organization_id uuid,
  attempts int,
  max_attempts int,
  since timestamptz,
  run_at timestamptz,
  error_code text,
  reason text,
  payload jsonb
) as $$
  select
    j.id::text,
    case
      when j.locked_at is not null then 'running'
      when j.attempts >= j.max_attempts then 'exhausted'
      when j.attempts > 0 then 'failed'
      else 'waiting'
    end,
    t.identifier,
    o.id,
    j.attempts::int,
    j.max_attempts::int,
    j.created_at,
    j.run_at,
    null,
    j.last_error,
    j.payload::jsonb
  from graphile_worker._private_jobs j
  join graphile_worker._private_tasks t on t.id = j.task_id
  left join app_public.organizations o on o.id::text = j.payload ->> 'organizationId'
  union all
  select d.id::text, 'parked', d.task, d.organization_id, d.attempts, null, d.created_at, null, d.error_code, d.reason, d.payload
  from app_public.job_dead_letters d
  where d.resolved_at is null;
$$ language sql stable security definer set search_path to '';

-- Lets a job run at once: a parked one is added to the queue again, with all its attempts. False where there is no such job, or
-- a worker is at it.
create or replace function app_hidden.retry_job(id text) returns boolean as $$
declare
  v_letter app_public.job_dead_letters;
begin
  if retry_job.id ~ '^\d{1,18}$' then
    update graphile_worker._private_jobs j
    set run_at = now(), attempts = least(j.attempts, j.max_attempts - 1)
    where j.id = retry_job.id::bigint and j.locked_at is null;
    return found;
  end if;
  update app_public.job_dead_letters d
  set resolution = 'retried', resolved_at = now()
  where d.id = retry_job.id::uuid and d.resolved_at is null
  returning * into v_letter;
  if not found then
    return false;
  end if;
  perform app_private.add_job(v_letter.task, v_letter.payload);
  return true;
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- Gives a job up for good. A parked one stays on record as dropped. False where there is no such job, or a worker is at it.
create or replace function app_hidden.drop_job(id text) returns boolean as $$
begin
  if drop_job.id ~ '^\d{1,18}$' then
    delete from graphile_worker._private_jobs j where j.id = drop_job.id::bigint and j.locked_at is null;
    return found;
  end if;
  update app_public.job_dead_letters d
  set resolution = 'dropped', resolved_at = now()
  where d.id = drop_job.id::uuid and d.resolved_at is null;
  return found;
end;
$$ language plpgsql volatile strict security definer set search_path to '';

grant execute on function app_hidden.list_jobs(), app_hidden.retry_job(text), app_hidden.drop_job(text) to app_worker;

reset role;
--! EndIncluded jobs/operate_jobs.sql
