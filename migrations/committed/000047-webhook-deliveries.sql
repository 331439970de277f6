--! Previous: sha1:f9c0175bb6e2d02a5bd0bf34a20f6b77fbf617a0
--! Hash: sha1:53c3e993eb820ad610d45c25a4ee1ab04c9ca326
--! Message: webhook-deliveries

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 81-webhook-deliveries.sql
--! Included outbound/tell_administrators.sql
set local role app_definer;

-- Whom a job tells of something that its organization has to look at: the active owners and admins. A definer function,
-- because a job reads no memberships; of any other organization, and to anybody but a job, it names nobody.
create or replace function app_hidden.administrators_of_job() returns table (organization_id uuid, user_id uuid) as $$
  select m.organization_id, m.user_id
  from app_public.organization_memberships m
  where app_private.acting_role() = 'app_worker'
  and m.organization_id = app_hidden.current_organization_id()
  and m.active
  and m.role in ('owner', 'admin');
$$ language sql stable security definer set search_path to '';

grant execute on function app_hidden.administrators_of_job() to app_worker;

reset role;

-- One notification for each of them. `occasion` names what led to it: the second run of a job tells nobody twice.
create or replace function app_hidden.tell_administrators(
  kind text,
  subject_table text,
  subject_id uuid,
  occasion text
) returns void as $$
  insert into app_public.notifications (organization_id, user_id, kind, subject_table, subject_id, effect_key)
  select
    a.organization_id, a.user_id, tell_administrators.kind, tell_administrators.subject_table,
    tell_administrators.subject_id,
    concat_ws(':', tell_administrators.kind, tell_administrators.subject_id, tell_administrators.occasion, a.user_id)
  from app_hidden.administrators_of_job() as a
  on conflict (organization_id, effect_key) do nothing;
$$ language sql volatile set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_hidden.tell_administrators(text, text, uuid, text) to app_worker;
--! EndIncluded outbound/tell_administrators.sql
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
      queue_name => 'webhook_endpoint:' || v_delivery.endpoint_id
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
      queue_name => 'webhook_endpoint:' || v_delivery.endpoint_id
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

-- What waited while the endpoint was switched off goes out when it is switched on. A job that is still in the queue for
-- later finds nothing left to do.
create or replace function app_private.tg_webhook_endpoints__resume() returns trigger as $$
begin
  perform app_private.add_job(
    'webhook__deliver',
    jsonb_build_object('organizationId', d.organization_id, 'deliveryId', d.id),
    queue_name => 'webhook_endpoint:' || d.endpoint_id
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
      queue_name => 'webhook_endpoint:' || v_delivery.endpoint_id
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
