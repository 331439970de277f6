--! Previous: sha1:cc2313f545b35ac48cb9bb23e6d229b1d7dc60d7
--! Hash: sha1:2156b79485392b3bd5b54e5dc949753f235bddb7
--! Message: end-emergency-access-with-the-role

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

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

-- Gives a job up for good. A parked one stays on record as dropped; a webhook's event goes, which nothing waits for any more.
-- False where there is no such job, or a worker is at it.
create or replace function app_hidden.drop_job(id text) returns boolean as $$
declare
  v_payload jsonb;
begin
  if drop_job.id ~ '^\d{1,18}$' then
    delete from graphile_worker._private_jobs j
    where j.id = drop_job.id::bigint and j.locked_at is null
    returning j.payload::jsonb into v_payload;
  else
    update app_public.job_dead_letters d
    set resolution = 'dropped', resolved_at = now()
    where d.id = drop_job.id::uuid and d.resolved_at is null
    returning d.payload into v_payload;
  end if;
  if not found then
    return false;
  end if;
  perform app_hidden.finish_webhook(e.id)
  from app_private.webhook_events e
  where e.id::text = v_payload ->> 'webhookEventId' and e.processed_at is null;
  return true;
end;
$$ language plpgsql volatile strict security definer set search_path to '';

grant execute on function app_hidden.list_jobs(), app_hidden.retry_job(text), app_hidden.drop_job(text) to app_worker;

reset role;
--! EndIncluded jobs/operate_jobs.sql
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
    -- Applied events, whose payload went when they were, and those that nobody has settled: they hold names and addresses.
    when 'webhook_events' then
      delete from app_private.webhook_events e
      where e.id in (
        select o.id
        from app_private.webhook_events o
        where coalesce(o.processed_at, o.received_at) < v_before
        limit c_batch
      );
    when 'dead_letters' then
      delete from app_public.job_dead_letters d
      where d.id in (select o.id from app_public.job_dead_letters o where o.resolved_at < v_before limit c_batch);
    -- Addresses and hashes of who never came back, and links that ended: for no longer than they work.
    when 'registrations' then
      delete from app_private.registrations r
      where r.id in (select o.id from app_private.registrations o where o.expires_at < now() limit c_batch);
    when 'email_tokens' then
      delete from app_private.email_tokens t
      where t.token_hash in (select o.token_hash from app_private.email_tokens o where o.expires_at < now() limit c_batch);
    when 'export_links' then
      delete from app_private.export_links l
      where l.token_hash in (select o.token_hash from app_private.export_links o where o.expires_at < now() limit c_batch);
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
--! Included tenancy/my_clinics.sql
set local role app_definer;

-- Clinics in which the person holds one of these roles by an active membership. Nobody holds one by being more elsewhere.
create or replace function app_hidden.clinic_ids_with_role(roles app_public.clinic_role[]) returns setof uuid as $$
declare
  v_user_id uuid := app_hidden.current_user_id();
  v_organization_id uuid := app_hidden.current_organization_id();
  v_clinic_id uuid := app_hidden.current_clinic_id();
begin
  return query
    select m.clinic_id
    from app_public.clinic_memberships m
    join app_public.organization_memberships o
      on o.organization_id = m.organization_id and o.user_id = m.user_id
    join app_public.clinics c on c.id = m.clinic_id
    where m.user_id = v_user_id
    and m.active
    and o.active
    and c.active
    and m.role = any (clinic_ids_with_role.roles)
    and (v_organization_id is null or m.organization_id = v_organization_id)
    and (v_clinic_id is null or m.clinic_id = v_clinic_id);
end;
$$ language plpgsql stable parallel safe security definer set search_path to '';

-- Organizations in one of whose clinics the person treats patients: there, an emergency may open the record of any.
create or replace function app_hidden.treating_organization_ids() returns setof uuid as $$
begin
  return query
    select distinct c.organization_id
    from app_public.clinics c
    where c.id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}')));
end;
$$ language plpgsql stable parallel safe security definer set search_path to '';

-- Clinics that the person runs: as their administrator, or as the organization's.
create or replace function app_hidden.administered_clinic_ids() returns setof uuid as $$
declare
  v_clinic_id uuid := app_hidden.current_clinic_id();
begin
  return query
    select c.id
    from app_public.clinics c
    where c.organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
    and (v_clinic_id is null or c.id = v_clinic_id)
    union
    select app_hidden.clinic_ids_with_role('{clinic_admin}');
end;
$$ language plpgsql stable parallel safe security definer set search_path to '';

-- Clinics whose clinical records the person may read: by a membership of any role. Administrators of the organization
-- are no clinicians, and read only where the organization switched that on; a superadmin must say what for.
create or replace function app_hidden.readable_clinic_ids() returns setof uuid as $$
declare
  v_clinic_id uuid := app_hidden.current_clinic_id();
begin
  -- Asked here and not in a query, which would ask again for each clinic of the installation.
  if app_hidden.is_superadmin() then
    return query
      select app_hidden.clinic_ids_with_role('{clinic_admin,provider,staff,viewer}')
      union
      select c.id
      from app_public.clinics c
      where app_hidden.purpose_of_use() is not null
      and c.organization_id = any (array(select app_hidden.my_organization_ids()))
      and (v_clinic_id is null or c.id = v_clinic_id);
    return;
  end if;
  return query
    select app_hidden.clinic_ids_with_role('{clinic_admin,provider,staff,viewer}')
    union
    select c.id
    from app_public.clinics c
    join app_public.organizations o on o.id = c.organization_id
    where o.administrators_read_clinical
    and c.organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
    and (v_clinic_id is null or c.id = v_clinic_id);
end;
$$ language plpgsql stable parallel safe security definer set search_path to '';

-- Clinics that the person may know of, with or without their records: the ones they work in, the ones they run, the ones
-- that treat them as a patient, and for a superadmin all of them.
create or replace function app_hidden.my_clinic_ids() returns setof uuid as $$
declare
  v_user_id uuid := app_hidden.current_user_id();
  v_clinic_id uuid := app_hidden.current_clinic_id();
begin
  return query
    select app_hidden.clinic_ids_with_role('{clinic_admin,provider,staff,viewer}')
    union
    select app_hidden.administered_clinic_ids()
    union
    select p.home_clinic_id
    from app_public.patients p
    where p.portal_user_id = v_user_id
    and p.deleted_at is null
    and p.organization_id = any (array(select app_hidden.my_organization_ids()))
    and (v_clinic_id is null or p.home_clinic_id = v_clinic_id)
    union
    select c.id
    from app_public.clinics c
    where app_hidden.is_superadmin()
    and c.organization_id = any (array(select app_hidden.my_organization_ids()))
    and (v_clinic_id is null or c.id = v_clinic_id);
end;
$$ language plpgsql stable parallel safe security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_hidden.clinic_ids_with_role(app_public.clinic_role[]),
  app_hidden.treating_organization_ids(),
  app_hidden.administered_clinic_ids(),
  app_hidden.readable_clinic_ids(),
  app_hidden.my_clinic_ids()
to app_user;

reset role;
--! EndIncluded tenancy/my_clinics.sql
--! Included clinical/my_patients.sql
set local role app_definer;

-- Patients the person is, by their own account.
create or replace function app_hidden.my_patient_ids() returns setof uuid as $$
declare
  v_user_id uuid := app_hidden.current_user_id();
begin
  return query
    select p.id
    from app_public.patients p
    where p.portal_user_id = v_user_id
    and p.deleted_at is null;
end;
$$ language plpgsql stable parallel safe security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_hidden.my_patient_ids() to app_user;

reset role;

-- Patients of other clinics of the organization whom one of the person's clinics shares, at least this far. Invoker: the
-- policies of patient_clinic_links decide which links count.
create or replace function app_hidden.shared_patient_ids(accesses app_public.patient_link_access[])
returns setof uuid as $$
  select l.patient_id
  from app_public.patient_clinic_links l
  where l.clinic_id = any (array(select app_hidden.readable_clinic_ids()))
  and l.access = any (shared_patient_ids.accesses);
$$ language sql stable parallel safe set search_path to '';

grant execute on function app_hidden.shared_patient_ids(app_public.patient_link_access[]) to app_user;

-- Patients to whom the person has broken the glass, and whose grant still runs: it ends by this predicate, not by a job, and
-- with the role without which it would not have been made. `offset 0` keeps Postgres from asking for the roles of those who
-- have no grant, who are almost everybody. plpgsql: the table of grants refers to patients and comes after them.
create or replace function app_hidden.break_glass_patient_ids() returns setof uuid as $$
begin
  return query
    select g.patient_id
    from (
      select o.patient_id, o.organization_id
      from app_public.break_glass_grants o
      where o.user_id = (select app_hidden.current_user_id())
      and o.expires_at > now()
      and o.revoked_at is null
      offset 0
    ) as g
    where g.organization_id = any (array(select app_hidden.treating_organization_ids()));
end;
$$ language plpgsql stable parallel safe set search_path to '';

grant execute on function app_hidden.break_glass_patient_ids() to app_user;

-- Care sessions that another clinic shares with one of the person's clinics, one by one.
create or replace function app_hidden.shared_care_session_ids() returns setof uuid as $$
begin
  return query
    select s.care_session_id
    from app_public.resource_shares s
    where s.clinic_id = any (array(select app_hidden.readable_clinic_ids()))
    and s.care_session_id is not null
    and (s.expires_at is null or s.expires_at > now());
end;
$$ language plpgsql stable parallel safe set search_path to '';

grant execute on function app_hidden.shared_care_session_ids() to app_user;
--! EndIncluded clinical/my_patients.sql
--! Included access/break_glass.sql
set local role app_definer;

-- A definer function, because the caller cannot see the patient yet. Only those who treat patients somewhere in the same
-- organization may; an unknown number gets the answer of a missing one. A number is one patient's in one organization only:
-- whoever works in several has to say which one is meant, because a guess would open the record of somebody else.
create or replace function app_public.break_glass(mrn text, reason text, minutes integer = 60)
returns app_public.break_glass_grants as $$
declare
  v_user_id uuid := app_hidden.current_user_id();
  v_patient app_public.patients;
  v_found bigint;
  v_grant app_public.break_glass_grants;
begin
  if length(trim(break_glass.reason)) not between 10 and 1000 then
    raise exception 'Say why in 10 to 1000 characters; somebody will review it.' using errcode = 'BADIN';
  end if;
  if break_glass.minutes not between 5 and 480 then
    raise exception 'Access can be opened for 5 to 480 minutes.' using errcode = 'BADIN';
  end if;
  select p.id, p.organization_id, p.home_clinic_id, count(*) over ()
  into v_patient.id, v_patient.organization_id, v_patient.home_clinic_id, v_found
  from app_public.patients p
  where p.organization_id = any (array(select app_hidden.treating_organization_ids()))
  and p.mrn = break_glass.mrn;
  if v_found > 1 then
    raise exception 'Say which organization: send X-Organization-Id.' using errcode = 'BADIN';
  end if;
  if v_patient.id is null then
    raise exception 'There is no such patient.' using errcode = 'NTFND';
  end if;
  insert into app_public.break_glass_grants (organization_id, patient_id, home_clinic_id, user_id, reason, expires_at)
  values (
    v_patient.organization_id,
    v_patient.id,
    v_patient.home_clinic_id,
    v_user_id,
    trim(break_glass.reason),
    now() + make_interval(mins => break_glass.minutes)
  )
  returning * into v_grant;
  return v_grant;
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_public.break_glass(text, text, integer) to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.break_glass(text, text, integer) is '@argument mrn The patient’s record number.
@argument reason Why it cannot wait, in 10 to 1000 characters. Names no patient.
@argument minutes For how long: 5 to 480 minutes.
Opens the record of a patient of the caller’s organization in an emergency, by record number, for some minutes, and for as long as the caller treats patients there. Where several organizations of the caller know the number, `X-Organization-Id` has to say which one is meant. It is on record, and somebody else must review it.';

reset role;

-- Invoker: the policies of break_glass_grants say who reviews.
create or replace function app_public.review_break_glass(grant_id uuid, note text, revoke boolean = false)
returns app_public.break_glass_grants as $$
declare
  v_grant app_public.break_glass_grants;
begin
  update app_public.break_glass_grants g
  set
    reviewed_at = now(),
    reviewed_by = auth.uid(),
    review_note = nullif(trim(review_break_glass.note), ''),
    revoked_at = case when review_break_glass.revoke then coalesce(g.revoked_at, now()) else g.revoked_at end
  where g.id = review_break_glass.grant_id
  and g.reviewed_at is null
  returning * into v_grant;
  if v_grant.id is null then
    raise exception 'There is no such access waiting for your review.' using errcode = 'NTFND';
  end if;
  return v_grant;
end;
$$ language plpgsql volatile strict set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_public.review_break_glass(uuid, text, boolean) to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.review_break_glass(uuid, text, boolean) is '@argument note What the reviewer thinks of it.
@argument revoke Whether the access ends at once.
Records that somebody else looked at an emergency access, and if wanted ends it. For administrators of the patient’s home clinic or organization.';
--! EndIncluded access/break_glass.sql
--! Included audit/describe_request.sql
-- What one request has in common for all events it makes. Defined once, over the settings' values: a change reads them from
-- its session (describe_request()), and record_events() from what the gateway says of each request.
-- The type is the owner's, as tables are; what reads the settings belongs to app_definer.
do $$
begin
  if to_regtype('app_private.request_facts') is null then
    create type app_private.request_facts as (
      actor_id uuid,
      session_id uuid,
      actor_role text,
      purpose_of_use text,
      request_id text,
      address_hash text,
      device_hash text,
      operation text,
      document_hash text,
      on_behalf_of uuid
    );
  end if;
end
$$;

set local role app_definer;

-- Bodies that are bound when they are created (`return`) need no search_path of their own, so that Postgres can put them
-- into the statement that calls them: a call of its own would cost as much as writing the event.

-- The role a statement was sent under: in a definer function `current_user` would be the function's owner.
create or replace function app_private.acting_role() returns text
language sql stable parallel safe
return coalesce(nullif(current_setting('role', true), 'none'), session_user);

-- What two values of PHI are compared by: HMAC-SHA-256 under the organization's key, cut to 128 bits.
create or replace function app_private.value_hash(key bytea, value jsonb) returns text
language sql immutable parallel safe
return left(
  encode(extensions.hmac(convert_to(coalesce(value_hash.value, 'null')::text, 'UTF8'), value_hash.key, 'sha256'), 'hex'),
  32
);

-- The emergency access to one of these patients that somebody has open: none for almost everybody, and never more than one.
-- It ends as it does in break_glass_patient_ids(). Memberships are read here and not asked for, because that would refuse to
-- speak of somebody whose session has ended since.
create or replace function app_private.open_grants(actor_id uuid, patient_ids uuid[]) returns setof uuid
language sql stable parallel safe rows 1
begin atomic
  select g.id
  from app_public.break_glass_grants g
  where g.user_id = open_grants.actor_id
  and g.patient_id = any (open_grants.patient_ids)
  and g.expires_at > now()
  and g.revoked_at is null
  and exists (
    select from app_public.clinic_memberships m
    join app_public.organization_memberships o on o.organization_id = m.organization_id and o.user_id = m.user_id
    join app_public.clinics c on c.id = m.clinic_id
    where m.organization_id = g.organization_id
    and m.user_id = g.user_id
    and m.role in ('clinic_admin', 'provider')
    and m.active
    and o.active
    and c.active
  )
  order by g.expires_at desc
  limit 1;
end;

-- The hashes are cut to 128 bits: enough to tell addresses apart, and half of what an event would take otherwise. The worker
-- has no identity; whoever asked for the job may have one (src/jobs/tenantTask.ts).
create or replace function app_private.request_facts(
  subject text,
  session text,
  role text,
  purpose text,
  request_id text,
  address text,
  device text,
  operation text,
  document_hash text,
  job_actor text
) returns app_private.request_facts
language sql immutable parallel safe
return row(
  nullif(subject, '')::uuid,
  nullif(session, '')::uuid,
  role,
  nullif(purpose, ''),
  nullif(request_facts.request_id, ''),
  left(nullif(address, ''), 32),
  left(nullif(device, ''), 32),
  left(nullif(request_facts.operation, ''), 100),
  nullif(request_facts.document_hash, ''),
  case when role = 'app_worker' then nullif(job_actor, '')::uuid end
)::app_private.request_facts;

create or replace function app_private.describe_request() returns app_private.request_facts
language sql stable parallel safe
return app_private.request_facts(
  current_setting('jwt.claims.sub', true),
  current_setting('jwt.claims.sid', true),
  coalesce(nullif(current_setting('role', true), 'none'), session_user),
  current_setting('app.purpose_of_use', true),
  current_setting('app.request_id', true),
  current_setting('app.client_address', true),
  current_setting('app.client_device', true),
  current_setting('app.operation', true),
  current_setting('app.document_hash', true),
  current_setting('app.job_actor_id', true)
);

reset role;
--! EndIncluded audit/describe_request.sql
