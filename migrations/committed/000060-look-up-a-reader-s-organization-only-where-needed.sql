--! Previous: sha1:df9dc480d60e209d9200d857aec1e7f3f242d6d6
--! Hash: sha1:07dc8390f5fca56667aa6e878687949d73108323
--! Message: look up a reader's organization only where needed

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.
--! Included audit/record_events.sql
set local role app_definer;

-- The one that the request names, or the actor's only one: nobody fills the trail of an organization in which they are nobody.
-- Not inlined: most events name the organization of the rows, and need not even prepare for looking.
create or replace function app_private.organization_of_request(actor_id uuid, organization_id uuid) returns uuid as $$
begin
  return (
    select case when count(*) = 1 then min(m.organization_id::text)::uuid end
    from app_public.organization_memberships m
    where m.user_id = organization_of_request.actor_id
    and m.active
    and m.organization_id = coalesce(organization_of_request.organization_id, m.organization_id)
  );
end;
$$ language plpgsql stable set search_path to '';

-- What triggers do not see: what was read, and what was refused. One call for the requests of a few milliseconds; the gateway
-- says of each under which settings it ran, and the facts come of them by the same function as those of a change.
-- A definer function, because whoever calls it may read and change nothing, and has nothing else.
-- One plan for all calls: by its own reckoning Postgres would plan the insert anew each time, which took five sixths of it.
create or replace function app_hidden.record_events(events jsonb) returns void as $$
declare
  v_person record;
begin
  -- One statement a person: row security shows memberships and emergency access of one at a time, the one in the settings.
  for v_person in
    select coalesce(e.value -> 'settings' ->> 'jwt.claims.sub', '') as subject,
      array_agg(e.value order by e.position) as events
    from jsonb_array_elements(record_events.events) with ordinality as e (value, position)
    group by 1
  loop
    perform set_config('jwt.claims.sub', v_person.subject, true);
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
      (r.facts).document_hash, g.id, r.patient_ids, (r.event ->> 'rowCount')::int,
      case when r.event ? 'errorCode' then 'denied' else 'ok' end,
      r.event ->> 'errorCode'
    from (
      select e.event,
        array(select p.value::uuid from jsonb_array_elements_text(e.event -> 'patientIds') as p) as patient_ids,
        app_private.request_facts(
          e.event -> 'settings' ->> 'jwt.claims.sub',
          e.event -> 'settings' ->> 'jwt.claims.sid',
          case when v_person.subject = '' then 'app_anonymous' else 'app_user' end,
          e.event -> 'settings' ->> 'app.purpose_of_use',
          e.event -> 'settings' ->> 'app.request_id',
          e.event -> 'settings' ->> 'app.client_address',
          e.event -> 'settings' ->> 'app.client_device',
          e.event -> 'settings' ->> 'app.operation',
          e.event -> 'settings' ->> 'app.document_hash',
          null
        ) as facts
      from unnest(v_person.events) as e (event)
      offset 0
    ) as r
    left join lateral app_private.open_grants((r.facts).actor_id, r.patient_ids) as g (id) on true;
  end loop;
end;
$$ language plpgsql volatile security definer set search_path to '' set plan_cache_mode to force_generic_plan;

grant execute on function app_hidden.record_events(jsonb) to app_recorder;

reset role;

grant usage on schema app_hidden to app_recorder;
--! EndIncluded audit/record_events.sql
