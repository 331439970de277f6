--! Previous: sha1:2297cc953354a11f1cf9685a1b801ad21e752fa3
--! Hash: sha1:7807038289bf16644a76e6561e9a50b9bdf5dfa2
--! Message: An event looks for emergency access only where there was any

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.
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

drop function if exists app_private.open_grants(uuid, uuid[]);

-- The emergency access to one of these patients that somebody has open: none for almost everybody, and never more than one.
-- It ends as it does in break_glass_patient_ids(). Memberships are read here and not asked for, because that would refuse to
-- speak of somebody whose session has ended since. Nothing that Postgres can put into the statement that calls it: preparing to
-- look took a third of an event's time, and is done for those alone who ever had one (`exists` before each call).
create or replace function app_private.open_grant(actor_id uuid, patient_ids uuid[]) returns uuid as $$
begin
  return (
    select g.id
    from app_public.break_glass_grants g
    where g.user_id = open_grant.actor_id
    and g.patient_id = any (open_grant.patient_ids)
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
    limit 1
  );
end;
$$ language plpgsql stable parallel safe set search_path to '';

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

create or replace function app_private.grant_of_request(actor_id uuid, patient_ids uuid[]) returns uuid as $$
begin
  perform set_config('jwt.claims.sub', coalesce(grant_of_request.actor_id::text, ''), true);
  return case when exists (select from app_public.break_glass_grants)
    then app_private.open_grant(grant_of_request.actor_id, grant_of_request.patient_ids)
  end;
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
--! Included audit/record_changes.sql
set local role app_definer;

-- One call per statement, however many rows it changed; what is the same for all of them is read once. Arguments: the key
-- column, the column that holds the organization ('' where a table belongs to none), and a third one where the row names its
-- patient by a care session. Values by sensitivity: see audit/column_sensitivities.sql.
-- Each `offset 0` keeps Postgres from merging a subquery into the one around it, where its document would be made anew for
-- each mention of it. Sequential scans are off because the small tables that are read here are cheaper by their keys.
create or replace function app_private.tg__audit() returns trigger as $$
declare
  v_facts app_private.request_facts := app_private.describe_request();
  v_table text := TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME;
  v_key_column text := TG_ARGV[0];
  v_organization_column text := TG_ARGV[1];
  v_patient_column text := case when TG_TABLE_NAME = 'patients' then 'id' else 'patient_id' end;
  -- Whose vault it is: whoever else changes something there does it for them.
  v_owner_column text := case when TG_TABLE_SCHEMA = 'app_vault' then 'user_id' else '' end;
  -- The patients of sessions, where the rows name these.
  v_patients jsonb;
  -- The actor, at any time: row security shows nobody else's.
  v_had_emergency boolean := exists (select from app_public.break_glass_grants);
  v_plain text[];
  v_phi text[];
begin
  if TG_NARGS > 2 and TG_OP = 'DELETE' then
    select app_private.patients_of_sessions(array_agg(distinct r.organization_id), array_agg(distinct r.care_session_id))
    into v_patients from old_rows r;
  elsif TG_NARGS > 2 then
    select app_private.patients_of_sessions(array_agg(distinct r.organization_id), array_agg(distinct r.care_session_id))
    into v_patients from new_rows r;
  end if;
  select s.plain, s.phi into v_plain, v_phi from app_audit.column_sensitivities s where s.table_name = v_table;
  if TG_OP = 'UPDATE' then
    insert into app_audit.events (
      organization_id, clinic_id, actor_id, session_id, actor_role, command, table_name, row_id, changed_fields,
      purpose_of_use, request_id, on_behalf_of, address_hash, device_hash, operation, document_hash, grant_id,
      patient_ids, changes
    )
    select r.organization_id, (r.record ->> 'clinic_id')::uuid, v_facts.actor_id, v_facts.session_id, v_facts.actor_role, TG_OP,
      v_table, (r.record ->> v_key_column)::uuid, coalesce(c.fields, '{}'), v_facts.purpose_of_use, v_facts.request_id,
      coalesce(v_facts.on_behalf_of, nullif((r.record ->> v_owner_column)::uuid, v_facts.actor_id)),
      v_facts.address_hash, v_facts.device_hash, v_facts.operation, v_facts.document_hash,
      case when v_had_emergency then app_private.open_grant(v_facts.actor_id, array[r.patient_id]) end,
      array_remove(array[r.patient_id], null),
      nullif(
        case when c.old_values is null then '{}' else jsonb_build_object('old', c.old_values, 'new', c.new_values) end
        || case when c.old_hashes is null then '{}' else jsonb_build_object('oldHash', c.old_hashes, 'newHash', c.new_hashes) end,
        '{}'
      )
    from (
      select p.record, p.before, p.organization_id,
        case
          when v_patients is null then (p.record ->> v_patient_column)::uuid
          else (v_patients ->> (p.record ->> 'care_session_id'))::uuid
        end as patient_id,
        case when cardinality(v_phi) > 0 then (
          select k.key from app_audit.hash_keys k where k.organization_id = p.organization_id
        ) end as hash_key
      from (
        -- A full join cannot be made by comparing each row with each, whatever number of rows the plan was made for.
        select coalesce(n.record, o.record) as record, o.record as before,
          (coalesce(n.record, o.record) ->> v_organization_column)::uuid as organization_id
        from (select to_jsonb(new_row) as record from new_rows as new_row offset 0) as n
        full join (select to_jsonb(old_row) as record from old_rows as old_row offset 0) as o
          on n.record ->> v_key_column = o.record ->> v_key_column
        offset 0
      ) as p
      offset 0
    ) as r
    cross join lateral (
      select
        array_agg(f.key order by f.key) as fields,
        jsonb_object_agg(f.key, f.before) filter (where f.key = any (v_plain)) as old_values,
        jsonb_object_agg(f.key, f.after) filter (where f.key = any (v_plain)) as new_values,
        jsonb_object_agg(f.key, app_private.value_hash(r.hash_key, f.before))
          filter (where r.hash_key is not null and f.key = any (v_phi)) as old_hashes,
        jsonb_object_agg(f.key, app_private.value_hash(r.hash_key, f.after))
          filter (where r.hash_key is not null and f.key = any (v_phi)) as new_hashes
      from (
        select e.key, r.before -> e.key as before, e.value as after
        from jsonb_each(r.record) as e
        where e.value is distinct from r.before -> e.key
        and e.key not in ('updated_at', 'updated_by')
      ) as f
    ) as c;
  -- A row that is new, or gone: the plain values it had, without those that are null.
  elsif TG_OP = 'INSERT' then
    insert into app_audit.events (
      organization_id, clinic_id, actor_id, session_id, actor_role, command, table_name, row_id, changed_fields,
      purpose_of_use, request_id, on_behalf_of, address_hash, device_hash, operation, document_hash, grant_id,
      patient_ids, changes
    )
    select r.organization_id, (r.record ->> 'clinic_id')::uuid, v_facts.actor_id, v_facts.session_id, v_facts.actor_role, TG_OP,
      v_table, (r.record ->> v_key_column)::uuid, array(select jsonb_object_keys(r.record) as key order by key), v_facts.purpose_of_use, v_facts.request_id,
      coalesce(v_facts.on_behalf_of, nullif((r.record ->> v_owner_column)::uuid, v_facts.actor_id)),
      v_facts.address_hash, v_facts.device_hash, v_facts.operation, v_facts.document_hash,
      case when v_had_emergency then app_private.open_grant(v_facts.actor_id, array[r.patient_id]) end,
      array_remove(array[r.patient_id], null),
      (
        select jsonb_build_object('new', jsonb_object_agg(p.name, r.record -> p.name))
        from unnest(v_plain) as p (name)
        where r.record ? p.name
        having count(*) > 0
      )
    from (
      select s.record, (s.record ->> v_organization_column)::uuid as organization_id,
        case
          when v_patients is null then (s.record ->> v_patient_column)::uuid
          else (v_patients ->> (s.record ->> 'care_session_id'))::uuid
        end as patient_id
      from (select jsonb_strip_nulls(to_jsonb(new_row)) as record from new_rows as new_row offset 0) as s
      offset 0
    ) as r;
  else
    insert into app_audit.events (
      organization_id, clinic_id, actor_id, session_id, actor_role, command, table_name, row_id, changed_fields,
      purpose_of_use, request_id, on_behalf_of, address_hash, device_hash, operation, document_hash, grant_id,
      patient_ids, changes
    )
    select r.organization_id, (r.record ->> 'clinic_id')::uuid, v_facts.actor_id, v_facts.session_id, v_facts.actor_role, TG_OP,
      v_table, (r.record ->> v_key_column)::uuid, '{}', v_facts.purpose_of_use, v_facts.request_id,
      coalesce(v_facts.on_behalf_of, nullif((r.record ->> v_owner_column)::uuid, v_facts.actor_id)),
      v_facts.address_hash, v_facts.device_hash, v_facts.operation, v_facts.document_hash,
      case when v_had_emergency then app_private.open_grant(v_facts.actor_id, array[r.patient_id]) end,
      array_remove(array[r.patient_id], null),
      (
        select jsonb_build_object('old', jsonb_object_agg(p.name, r.record -> p.name))
        from unnest(v_plain) as p (name)
        where r.record ? p.name
        having count(*) > 0
      )
    from (
      select s.record, (s.record ->> v_organization_column)::uuid as organization_id,
        case
          when v_patients is null then (s.record ->> v_patient_column)::uuid
          else (v_patients ->> (s.record ->> 'care_session_id'))::uuid
        end as patient_id
      from (select jsonb_strip_nulls(to_jsonb(old_row)) as record from old_rows as old_row offset 0) as s
      offset 0
    ) as r;
  end if;
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '' set enable_seqscan to off;

grant execute on function app_private.tg__audit() to app_owner;

reset role;
--! EndIncluded audit/record_changes.sql
