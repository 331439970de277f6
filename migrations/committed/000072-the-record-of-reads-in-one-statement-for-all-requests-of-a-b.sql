--! Previous: sha1:093fc1153d9c193be3fe445541cbf05f87461700
--! Hash: sha1:2297cc953354a11f1cf9685a1b801ad21e752fa3
--! Message: The record of reads in one statement for all requests of a batch

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.
--! Included audit/record_events.sql
set local role app_definer;

-- Row security shows memberships and emergency access of one person at a time: the one in the settings, whom the next two
-- name before they look. They are called for each event, and so is what they name.

-- The one that the request names, or the actor's only one: nobody fills the trail of an organization in which they are nobody.
-- Not inlined: most events name the organization of the rows, and need not even prepare for looking.
create or replace function app_private.organization_of_request(actor_id uuid, organization_id uuid) returns uuid as $$
begin
  perform set_config('jwt.claims.sub', coalesce(organization_of_request.actor_id::text, ''), true);
  return (
    select case when count(*) = 1 then min(m.organization_id::text)::uuid end
    from app_public.organization_memberships m
    where m.user_id = organization_of_request.actor_id
    and m.active
    and m.organization_id = coalesce(organization_of_request.organization_id, m.organization_id)
  );
end;
$$ language plpgsql volatile set search_path to '';

-- The emergency access that the actor has open to one of these patients. Almost nobody ever had any, which is quickly found
-- out: preparing to look for one that is open takes a third of an event's time.
create or replace function app_private.grant_of_request(actor_id uuid, patient_ids uuid[]) returns uuid as $$
begin
  perform set_config('jwt.claims.sub', coalesce(grant_of_request.actor_id::text, ''), true);
  if not exists (select from app_public.break_glass_grants) then
    return null;
  end if;
  return (select g.id from app_private.open_grants(grant_of_request.actor_id, grant_of_request.patient_ids) as g (id));
end;
$$ language plpgsql volatile set search_path to '';

-- What triggers do not see: what was read, and what was refused. One statement for the requests of a few milliseconds, because
-- most of what an event costs is the statement's beginning; the gateway says of each under which settings it ran, and the facts
-- come of them by the same function as those of a change.
-- A definer function, because whoever calls it may read and change nothing, and has nothing else.
-- One plan for all calls: by its own reckoning Postgres would plan the insert anew each time, which took five sixths of it.
create or replace function app_hidden.record_events(events jsonb) returns void as $$
begin
  insert into app_audit.events (
    organization_id, actor_id, session_id, actor_role, command, table_name, row_id, changed_fields, purpose_of_use,
    request_id, address_hash, device_hash, operation, document_hash, grant_id, patient_ids, row_count, outcome, error_code
  )
  select
    -- Of rows that were read, the rows' own.
    coalesce(
      (r.event ->> 'organizationId')::uuid,
      app_private.organization_of_request(
        (r.facts).actor_id, nullif(r.event -> 'settings' ->> 'app.organization_id', '')::uuid
      )
    ),
    (r.facts).actor_id, (r.facts).session_id, (r.facts).actor_role,
    case when r.event ? 'errorCode' then 'ATTEMPT' else 'SELECT' end,
    r.event ->> 'tableName',
    case when r.event ->> 'tableName' = 'app_public.patients' and cardinality(r.patient_ids) = 1 then r.patient_ids[1] end,
    array(select f.value from jsonb_array_elements_text(r.event -> 'fields') as f),
    (r.facts).purpose_of_use, (r.facts).request_id, (r.facts).address_hash, (r.facts).device_hash, (r.facts).operation,
    (r.facts).document_hash,
    app_private.grant_of_request((r.facts).actor_id, r.patient_ids),
    r.patient_ids, (r.event ->> 'rowCount')::int,
    case when r.event ? 'errorCode' then 'denied' else 'ok' end,
    r.event ->> 'errorCode'
  from (
    select e.event,
      array(select p.value::uuid from jsonb_array_elements_text(e.event -> 'patientIds') as p) as patient_ids,
      app_private.request_facts(
        e.event -> 'settings' ->> 'jwt.claims.sub',
        e.event -> 'settings' ->> 'jwt.claims.sid',
        case when coalesce(e.event -> 'settings' ->> 'jwt.claims.sub', '') = '' then 'app_anonymous' else 'app_user' end,
        e.event -> 'settings' ->> 'app.purpose_of_use',
        e.event -> 'settings' ->> 'app.request_id',
        e.event -> 'settings' ->> 'app.client_address',
        e.event -> 'settings' ->> 'app.client_device',
        e.event -> 'settings' ->> 'app.operation',
        e.event -> 'settings' ->> 'app.document_hash',
        null
      ) as facts
    from jsonb_array_elements(record_events.events) as e (event)
    offset 0
  ) as r;
end;
$$ language plpgsql volatile security definer set search_path to '' set plan_cache_mode to force_generic_plan;

grant execute on function app_hidden.record_events(jsonb) to app_recorder;

reset role;

grant usage on schema app_hidden to app_recorder;
--! EndIncluded audit/record_events.sql
