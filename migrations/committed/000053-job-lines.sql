--! Previous: sha1:b520cb74c1a3191ea869c75e21bb89905201dc0a
--! Hash: sha1:bea1d05ad70de613d10b9cc9a626c0b06cc65788
--! Message: job lines

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 62-job-lines.sql
-- A replayed job stands in its line again, and a delivery has one job.

--! Included jobs/dead_letters_queue.sql
-- In which line a job stood: one that is replayed stands in it again.
alter table app_public.job_dead_letters add column if not exists queue_name text;

comment on column app_public.job_dead_letters.queue_name is E'@behavior -select\nThe line of jobs that it stood in, if any.';
--! EndIncluded jobs/dead_letters_queue.sql
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
  insert (organization_id, job_id, task, payload, queue_name, error_code, reason, attempts),
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
    insert into app_public.job_dead_letters (organization_id, job_id, task, payload, queue_name, error_code, reason, attempts)
    select
      o.id, j.id, t.identifier, j.payload::jsonb, q.queue_name, park_job.error_code, left(park_job.reason, 500), j.attempts
    from graphile_worker._private_jobs j
    join graphile_worker._private_tasks t on t.id = j.task_id
    left join graphile_worker._private_job_queues q on q.id = j.job_queue_id
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

-- Lets a job run at once: a parked one is added to its queue again, with all its attempts. False where there is no such job, or
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
  perform app_private.add_job(v_letter.task, v_letter.payload, queue_name => v_letter.queue_name);
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
--! Included outbound/publish_changes.sql
set local role app_definer;

-- One event a statement, organization and clinic, up to 150 records each, and one delivery of it for every endpoint that
-- wants to know. An import tells nobody. Arguments: the kind of event.
create or replace function app_private.tg__publish() returns trigger as $$
declare
  v_delivery record;
begin
  if app_private.acting_role() = 'app_data' then
    return null;
  end if;
  for v_delivery in
    with wanted as materialized (
      select e.id, e.organization_id
      from app_public.webhook_endpoints e
      where e.active and e.secret_made_at is not null and TG_ARGV[0]::app_public.webhook_event_kind = any (e.event_kinds)
    ),
    happened as materialized (
      select app_hidden.uuid_v7() as id, n.organization_id, n.clinic_id, array_agg(n.id order by n.id) as subject_ids
      from (
        select
          c.id, c.organization_id, c.clinic_id,
          (row_number() over (partition by c.organization_id, c.clinic_id order by c.id) - 1) / 150 as part
        from changed_rows c
        where c.organization_id in (select w.organization_id from wanted w)
      ) n
      group by n.organization_id, n.clinic_id, n.part
    )
    insert into app_public.webhook_deliveries (
      organization_id, clinic_id, endpoint_id, event_id, event_kind, subject_ids
    )
    select h.organization_id, h.clinic_id, w.id, h.id, TG_ARGV[0]::app_public.webhook_event_kind, h.subject_ids
    from happened h
    join wanted w on w.organization_id = h.organization_id
    returning id, organization_id, endpoint_id
  loop
    perform app_private.add_job(
      'webhook__deliver',
      jsonb_build_object('organizationId', v_delivery.organization_id, 'deliveryId', v_delivery.id),
      queue_name => 'webhook_endpoint:' || v_delivery.endpoint_id,
      job_key => 'webhook__deliver:' || v_delivery.id || ':0'
    );
  end loop;
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_private.tg__publish() to app_owner;

reset role;

create or replace trigger _900_publish_insert
  after insert on app_public.appointments
  referencing new table as changed_rows
  for each statement
  execute function app_private.tg__publish('appointment_created');
create or replace trigger _900_publish_update
  after update on app_public.appointments
  referencing new table as changed_rows
  for each statement
  execute function app_private.tg__publish('appointment_changed');
create or replace trigger _900_publish_insert
  after insert on app_public.care_sessions
  referencing new table as changed_rows
  for each statement
  execute function app_private.tg__publish('care_session_created');
create or replace trigger _900_publish_update
  after update on app_public.care_sessions
  referencing new table as changed_rows
  for each statement
  execute function app_private.tg__publish('care_session_changed');
--! EndIncluded outbound/publish_changes.sql
--! Included outbound/deliver_webhook.sql
set local role app_definer;

-- What a job sends, and with what it signs: nothing when the delivery has ended, is not of the job's organization, or its
-- endpoint was switched off meanwhile. Several rows while two secrets are valid.
create or replace function app_hidden.webhook_to_deliver(delivery_id uuid)
returns table (
  endpoint_id uuid, url text, event_id uuid, event_kind text, clinic_id uuid, subject_ids uuid[], happened_at timestamptz,
  attempts integer, key_id text, nonce bytea, ciphertext bytea
) as $$
  select
    e.id, e.url, d.event_id, d.event_kind::text, d.clinic_id, d.subject_ids, d.happened_at, d.attempts, s.key_id,
    s.nonce, s.ciphertext
  from app_public.webhook_deliveries d
  join app_public.webhook_endpoints e on e.organization_id = d.organization_id and e.id = d.endpoint_id
  join app_private.webhook_secrets s on s.organization_id = e.organization_id and s.endpoint_id = e.id
  where d.id = webhook_to_deliver.delivery_id
  and d.status = 'waiting'
  and e.active
  and (s.expires_at is null or s.expires_at > now())
  order by s.expires_at nulls first;
$$ language sql stable strict security definer set search_path to '';

-- How an attempt went: `failure` is null when the endpoint took it. Returns the endpoint where that is switched off by
-- it: after five days without a success, or a 410 ("gone", by which a receiver says that it wants no more). Nothing
-- changes when another run of the same job was faster. The pauses are those that Standard Webhooks recommends, three days in all.
create or replace function app_hidden.settle_webhook_attempt(
  delivery_id uuid,
  attempt integer,
  response_status integer,
  failure text
) returns uuid as $$
declare
  v_pauses constant interval[] := '{5 s,5 min,30 min,2 h,5 h,10 h,14 h,20 h,24 h}';
  v_is_last constant boolean := settle_webhook_attempt.attempt > cardinality(v_pauses)
    or settle_webhook_attempt.response_status is not distinct from 410;
  v_delivery app_public.webhook_deliveries;
  v_disabled_id uuid;
begin
  update app_public.webhook_deliveries d
  set
    attempts = settle_webhook_attempt.attempt,
    response_status = settle_webhook_attempt.response_status,
    failure = settle_webhook_attempt.failure,
    status = case
      when settle_webhook_attempt.failure is null then 'delivered'
      when v_is_last then 'failed'
      else 'waiting'
    end::app_public.webhook_delivery_status,
    -- A tenth more or less, so that what failed together does not come back together.
    next_attempt_at = case when settle_webhook_attempt.failure is not null and not v_is_last
      then now() + v_pauses[settle_webhook_attempt.attempt] * (0.9 + random() * 0.2) end,
    finished_at = case when settle_webhook_attempt.failure is null or v_is_last then now() end
  where d.id = settle_webhook_attempt.delivery_id
  and d.attempts = settle_webhook_attempt.attempt - 1
  returning d.id, d.organization_id, d.endpoint_id, d.status, d.next_attempt_at
  into v_delivery.id, v_delivery.organization_id, v_delivery.endpoint_id, v_delivery.status, v_delivery.next_attempt_at;
  if not found then
    return null;
  end if;
  if settle_webhook_attempt.failure is null then
    update app_public.webhook_endpoints e
    set failing_since = null
    where e.id = v_delivery.endpoint_id and e.failing_since is not null;
    return null;
  end if;
  if v_delivery.status = 'waiting' then
    perform app_private.add_job(
      'webhook__deliver',
      jsonb_build_object('organizationId', v_delivery.organization_id, 'deliveryId', v_delivery.id),
      run_at => v_delivery.next_attempt_at,
      queue_name => 'webhook_endpoint:' || v_delivery.endpoint_id,
      job_key => 'webhook__deliver:' || v_delivery.id || ':' || settle_webhook_attempt.attempt
    );
  end if;
  update app_public.webhook_endpoints e
  set failing_since = coalesce(e.failing_since, now())
  where e.id = v_delivery.endpoint_id;
  update app_public.webhook_endpoints e
  set active = false, disabled_at = now()
  where e.id = v_delivery.endpoint_id
  and e.active
  and (
    e.failing_since < now() - interval '5 days'
    or settle_webhook_attempt.response_status is not distinct from 410
  )
  returning e.id into v_disabled_id;
  return v_disabled_id;
end;
$$ language plpgsql volatile security definer set search_path to '';

-- What waited while the endpoint was switched off goes out when it is switched on. A delivery that has a job in the queue, for
-- later, keeps that one, which runs now: however often somebody switches, there is one for each. Its key has the number of
-- attempts: a job that adds the next one would lose its own otherwise.
create or replace function app_private.tg_webhook_endpoints__resume() returns trigger as $$
begin
  perform app_private.add_job(
    'webhook__deliver',
    jsonb_build_object('organizationId', d.organization_id, 'deliveryId', d.id),
    queue_name => 'webhook_endpoint:' || d.endpoint_id,
    job_key => 'webhook__deliver:' || d.id || ':' || d.attempts
  )
  from app_public.webhook_deliveries d
  where d.organization_id = NEW.organization_id and d.endpoint_id = NEW.id and d.status = 'waiting';
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_private.tg_webhook_endpoints__resume() to app_owner;

grant execute on function
  app_hidden.webhook_to_deliver(uuid),
  app_hidden.settle_webhook_attempt(uuid, integer, integer, text)
to app_worker;

reset role;

create or replace trigger _900_resume
  after update of active on app_public.webhook_endpoints
  for each row
  when (NEW.active and not OLD.active)
  execute function app_private.tg_webhook_endpoints__resume();

-- What the job says after each attempt. Those who run the organization are told when their endpoint was switched off.
create or replace function app_hidden.record_webhook_attempt(
  delivery_id uuid,
  attempt integer,
  response_status integer,
  failure text
) returns void as $$
declare
  v_disabled_id uuid := app_hidden.settle_webhook_attempt(
    record_webhook_attempt.delivery_id,
    record_webhook_attempt.attempt,
    record_webhook_attempt.response_status,
    record_webhook_attempt.failure
  );
begin
  if v_disabled_id is not null then
    perform app_hidden.tell_administrators(
      'webhook_endpoint_disabled', 'webhook_endpoints', v_disabled_id, record_webhook_attempt.delivery_id::text
    );
  end if;
end;
$$ language plpgsql volatile set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_hidden.record_webhook_attempt(uuid, integer, integer, text) to app_worker;
--! EndIncluded outbound/deliver_webhook.sql
--! Included outbound/replay_webhook_delivery.sql
set local role app_definer;

-- Sends an event once more, as a delivery of its own. Returns its id; null when the caller may not, or there is none.
create or replace function app_hidden.queue_webhook_replay(delivery_id uuid) returns uuid as $$
declare
  v_delivery app_public.webhook_deliveries;
begin
  insert into app_public.webhook_deliveries (
    organization_id, clinic_id, endpoint_id, event_id, event_kind, subject_ids, happened_at, replay_of
  )
  select d.organization_id, d.clinic_id, d.endpoint_id, d.event_id, d.event_kind, d.subject_ids, d.happened_at, d.id
  from app_public.webhook_deliveries d
  where d.id = queue_webhook_replay.delivery_id
  and d.organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
  returning id, organization_id, endpoint_id
  into v_delivery.id, v_delivery.organization_id, v_delivery.endpoint_id;
  if found then
    perform app_private.add_job(
      'webhook__deliver',
      jsonb_build_object('organizationId', v_delivery.organization_id, 'deliveryId', v_delivery.id),
      queue_name => 'webhook_endpoint:' || v_delivery.endpoint_id,
      job_key => 'webhook__deliver:' || v_delivery.id || ':0'
    );
  end if;
  return v_delivery.id;
end;
$$ language plpgsql volatile strict security definer set search_path to '';

grant execute on function app_hidden.queue_webhook_replay(uuid) to app_user;

reset role;

create or replace function app_public.replay_webhook_delivery(delivery_id uuid) returns app_public.webhook_deliveries as $$
declare
  v_id uuid := app_hidden.queue_webhook_replay(replay_webhook_delivery.delivery_id);
  v_delivery app_public.webhook_deliveries;
begin
  if v_id is null then
    raise exception 'There is no such delivery.' using errcode = 'NTFND';
  end if;
  select * into v_delivery from app_public.webhook_deliveries d where d.id = v_id;
  return v_delivery;
end;
$$ language plpgsql volatile strict set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_public.replay_webhook_delivery(uuid) to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.replay_webhook_delivery(uuid) is
  'Sends an event to its endpoint once more, with the same `webhook-id`. For administrators of the organization.';
--! EndIncluded outbound/replay_webhook_delivery.sql

select app_audit.note_sensitivity();
