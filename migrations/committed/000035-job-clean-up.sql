--! Previous: sha1:76b1d1ab869b090d0a2ed4fd9256247933ad23e6
--! Hash: sha1:d719692ea17c5110c388ad56759a708d1761190a
--! Message: job-clean-up

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 32-job-clean-up.sql
--! Included operations/operational_state.sql
set local role app_definer;

drop function if exists app_hidden.operational_state();

-- How the installation does, in numbers of the whole: for the gateway, which asks as `app_anonymous`, since the role that it
-- signs in with has no privilege of its own. Definer, because no role of a request sees the queue, the workers or the seals.
-- Seconds are null where there is nothing to count from: no worker was ever started, or nothing was ever sealed.
create or replace function app_hidden.operational_state(
  out worker_silent_seconds float8,
  out audit_unsealed_seconds float8,
  out jobs_waiting int,
  out jobs_running int,
  out jobs_failed int,
  out jobs_parked int,
  out oldest_job_seconds float8
) as $$
begin
  -- The worker that was heard last; one that has stopped in order is not missed.
  select extract(epoch from clock_timestamp() - max(h.beaten_at))
  into worker_silent_seconds
  from app_private.worker_heartbeats h
  where h.stopped_at is null;

  -- What the next checkpoint will cover; null where nothing was ever sealed.
  select coalesce(extract(epoch from clock_timestamp() - min(e.occurred_at)), 0)
  into audit_unsealed_seconds
  from (select c.timeline, c.horizon from app_audit.checkpoints c order by c.sequence desc limit 1) as last
  left join app_audit.events e
    on e.timeline > last.timeline
    or (e.timeline = last.timeline and e.transaction_id >= last.horizon)
  group by last.timeline;

  select count(*)
  into jobs_parked
  from (select from app_public.job_dead_letters d where d.resolved_at is null limit 100000) as parked;

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
--! Included identity/private_tables.sql
-- Access ----------------------------------------------------------------------

-- No request role has a grant on app_private, not even USAGE. The policies below are always true because the functions
-- of `app_definer` look rows up before they know whose they are (by e-mail, by token hash); each returns the caller's own.

select app_private.reset_access('app_private.user_identities');
create policy all_definer on app_private.user_identities to app_definer using (true) with check (true);
grant
  select,
  insert (issuer, subject, user_id, display_name, facts_at),
  update (display_name, facts_at, ended_at)
on app_private.user_identities to app_definer;
-- No update grant on user_id: an identity never becomes somebody else's.

select app_private.reset_access('app_private.ended_identities');
create policy all_definer on app_private.ended_identities to app_definer using (true) with check (true);
grant select (issuer, subject), insert (issuer, subject) on app_private.ended_identities to app_definer;

select app_private.reset_access('app_private.password_hashes');
create policy all_definer on app_private.password_hashes to app_definer using (true) with check (true);
grant select, insert (user_id, password_hash), update (password_hash, changed_at)
on app_private.password_hashes to app_definer;

select app_private.reset_access('app_private.auth_sessions');
create policy all_definer on app_private.auth_sessions to app_definer using (true) with check (true);
grant
  select,
  insert (user_id, device_name, expires_at),
  update (last_seen_at, revoked_at, revoked_reason),
  delete
on app_private.auth_sessions to app_definer;

select app_private.reset_access('app_private.refresh_tokens');
create policy all_definer on app_private.refresh_tokens to app_definer using (true) with check (true);
grant select, insert (token_hash, session_id, expires_at), update (used_at)
on app_private.refresh_tokens to app_definer;

-- Documentation ---------------------------------------------------------------

comment on table app_private.user_identities is
  'Which user a verified subject of an identity provider is. One user may come from several providers.';
comment on table app_private.ended_identities is
  'Subjects whose deletion was the first thing heard of them. They stay nobody, whatever is heard later.';
comment on table app_private.password_hashes is
  'Argon2id hashes of local passwords; bcrypt from before stands until its person signs in again.';
comment on table app_private.auth_sessions is
  'One row per sign-in. A token names its session, and every statement checks that the session still stands.';
comment on table app_private.refresh_tokens is
  'SHA-256 of each refresh token handed out. A token works once; a second use revokes its session.';
--! EndIncluded identity/private_tables.sql
--! Included billing/webhook_events.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_private.webhook_events');

-- Only the functions below: an event belongs to nobody until it is applied.
create policy all_definer on app_private.webhook_events
  to app_definer
  using (true)
  with check (true);

grant
  select (id, provider, event_id, payload, processed_at),
  insert (provider, event_id, payload),
  update (payload, processed_at),
  delete
on app_private.webhook_events to app_definer;

-- Functions -------------------------------------------------------------------

set local role app_definer;

-- Stores an event and hands it to a job; its id, or null if this event is here already: deliveries are repeated. The
-- gateway has verified the provider's signature and names the event in a setting that no header or claim reaches.
create or replace function app_hidden.receive_webhook(provider text, event_id text, payload jsonb) returns uuid as $$
declare
  v_id uuid;
begin
  if current_setting('app.verified_webhook', true) is distinct from
    format('%s:%s', receive_webhook.provider, receive_webhook.event_id)
  then
    raise exception 'Only an event whose signature was verified is received.' using errcode = 'DENYD';
  end if;
  insert into app_private.webhook_events (provider, event_id, payload)
  values (receive_webhook.provider, receive_webhook.event_id, receive_webhook.payload)
  on conflict do nothing
  returning id into v_id;
  if v_id is not null then
    perform app_private.add_job('webhook__apply', jsonb_build_object('webhookEventId', v_id));
  end if;
  return v_id;
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- An event's provider and payload, if it waits to be applied. It is locked until the transaction ends, so that two jobs do
-- not apply it twice; the one that comes second gets nothing.
create or replace function app_hidden.take_webhook(id uuid) returns table (provider text, payload jsonb) as $$
  select e.provider, e.payload
  from app_private.webhook_events e
  where e.id = take_webhook.id
  and e.processed_at is null
  for update skip locked;
$$ language sql volatile strict security definer set search_path to '';

-- What it said is in our tables now, and personal data are not kept twice.
create or replace function app_hidden.finish_webhook(id uuid) returns void as $$
  update app_private.webhook_events e
  set processed_at = now(), payload = '{}'
  where e.id = finish_webhook.id;
$$ language sql volatile strict security definer set search_path to '';

-- The organization that pays as this customer: with it in `app.organization_id` the worker may change its subscription.
create or replace function app_hidden.organization_id_of_customer(stripe_customer_id text) returns uuid as $$
  select s.organization_id
  from app_public.subscriptions s
  where s.stripe_customer_id = organization_id_of_customer.stripe_customer_id;
$$ language sql stable strict parallel safe security definer set search_path to '';

grant execute on function app_hidden.receive_webhook(text, text, jsonb) to app_anonymous;
-- Before the gateway received them, the worker could.
revoke execute on function app_hidden.receive_webhook(text, text, jsonb) from app_worker;
grant execute on function
  app_hidden.take_webhook(uuid),
  app_hidden.finish_webhook(uuid),
  app_hidden.organization_id_of_customer(text)
to app_worker;

reset role;

-- Documentation ---------------------------------------------------------------

comment on table app_private.webhook_events is
  'What Stripe and Clerk have sent, each event once. `processed_at` says when it took effect; then the payload goes.';
--! EndIncluded billing/webhook_events.sql
--! Included access/resource_shares.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.resource_shares');
select app_private.allow_data_role('app_public.resource_shares');

create policy tenant_boundary on app_public.resource_shares
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

create policy select_clinic on app_public.resource_shares
  for select to app_user
  using (
    clinic_id = any (array(select app_hidden.readable_clinic_ids()))
    or owner_clinic_id = any (array(select app_hidden.readable_clinic_ids()))
  );

create policy insert_owner_provider on app_public.resource_shares
  for insert to app_user
  with check (owner_clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))));

create policy update_owner_provider on app_public.resource_shares
  for update to app_user
  using (owner_clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))))
  with check (owner_clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))));

create policy delete_owner_provider on app_public.resource_shares
  for delete to app_user
  using (owner_clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))));

-- The monthly cleanup (jobs/clean_up.sql); that it was shared stays in the audit.
create policy select_expired_definer on app_public.resource_shares
  for select to app_definer
  using (expires_at < now() - interval '90 days');
create policy delete_expired_definer on app_public.resource_shares
  for delete to app_definer
  using (expires_at < now() - interval '90 days');

grant select (id, expires_at), delete on app_public.resource_shares to app_definer;
grant
  select (
    id, organization_id, owner_clinic_id, clinic_id, care_session_id, report_id, expires_at, created_at, updated_at,
    created_by, updated_by
  ),
  insert (organization_id, owner_clinic_id, clinic_id, care_session_id, report_id, expires_at),
  update (expires_at),
  delete
on app_public.resource_shares to app_user;

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.resource_shares');
select app_private.audit_changes('app_public.resource_shares');

-- Documentation ---------------------------------------------------------------

comment on table app_public.resource_shares is
  E'@behavior -insert -update\nThat a clinic shows one care session or one report to another clinic of the organization.';
comment on column app_public.resource_shares.id is 'The share’s id.';
comment on column app_public.resource_shares.organization_id is 'The organization of both clinics.';
comment on column app_public.resource_shares.owner_clinic_id is 'The clinic that shares.';
comment on column app_public.resource_shares.clinic_id is 'The clinic it is shared with.';
comment on column app_public.resource_shares.care_session_id is 'The care session, if it is one.';
comment on column app_public.resource_shares.report_id is 'The report, if it is one.';
comment on column app_public.resource_shares.expires_at is 'When sharing ends by itself; null if it does not.';
comment on column app_public.resource_shares.created_at is 'When sharing began.';
comment on column app_public.resource_shares.updated_at is 'When the share last changed.';
comment on column app_public.resource_shares.created_by is 'Who shared it.';
comment on column app_public.resource_shares.updated_by is 'Who changed the share last.';
--! EndIncluded access/resource_shares.sql
--! Included jobs/clean_up.sql
set local role app_definer;

-- Deletes what nobody can use any more, at most a batch of one kind; how many rows. Definer, because it goes by age alone, whose ever
-- it is. What is evidence stays: the audit, and the dead letters that nobody has settled.
create or replace function app_hidden.clean_up(kind text) returns int as $$
declare
  c_batch constant int := 10000;
  v_before constant timestamptz := now() - interval '90 days';
  v_count int;
begin
  case clean_up.kind
    -- With their refresh tokens and the clients they were used from.
    when 'sessions' then
      delete from app_private.auth_sessions s
      where s.id in (
        select o.id
        from app_private.auth_sessions o
        where least(o.expires_at, coalesce(o.revoked_at, o.expires_at)) < v_before
        limit c_batch
      );
    when 'shares' then
      delete from app_public.resource_shares s
      where s.id in (select o.id from app_public.resource_shares o where o.expires_at < v_before limit c_batch);
    -- Applied events, whose payload went when they were.
    when 'webhook_events' then
      delete from app_private.webhook_events e
      where e.id in (select o.id from app_private.webhook_events o where o.processed_at < v_before limit c_batch);
    when 'dead_letters' then
      delete from app_public.job_dead_letters d
      where d.id in (select o.id from app_public.job_dead_letters o where o.resolved_at < v_before limit c_batch);
    -- A key outlives each job that could come back for it: those of unsettled dead letters are replayed by hand.
    when 'job_effects' then
      delete from app_private.job_effects e
      where e.id in (
        select o.id
        from app_private.job_effects o
        where o.created_at < least(
          v_before,
          (select min(d.created_at) - interval '7 days' from app_public.job_dead_letters d where d.resolved_at is null)
        )
        limit c_batch
      );
    else
      raise exception 'There is nothing to clean up by the name of ''%''.', clean_up.kind using errcode = 'BADIN';
  end case;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$ language plpgsql volatile strict security definer set search_path to '';

grant execute on function app_hidden.clean_up(text) to app_worker;

reset role;
--! EndIncluded jobs/clean_up.sql
