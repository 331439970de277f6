--! Previous: sha1:2eb324351e9ded781a894862a7c8234deba53c98
--! Hash: sha1:d6cadc312cea0e5390750e05a8856b20b8cecef4
--! Message: audit costs

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

-- What it returns is another type now.
drop function if exists app_private.describe_request();

--! Included foundation/request_context.sql
-- One reader for each fact that a request carries (src/auth/pgSettings.ts writes them). A setting that was never set is
-- NULL on a fresh connection and '' on a used one, hence nullif everywhere.
-- A body that is bound when it is created (`return`) needs no search_path of its own. That lets Postgres put it into the
-- statement that calls it, which costs nothing; a call with a search_path costs as much as reading a row.

create or replace function auth.uid() returns uuid
language sql stable parallel safe
return nullif(current_setting('jwt.claims.sub', true), '')::uuid;

create or replace function auth.role() returns text
language sql stable parallel safe
return case when auth.uid() is null then 'anon' else 'authenticated' end;

create or replace function auth.jwt() returns jsonb as $$
  select jsonb_strip_nulls(jsonb_build_object(
    'sub', nullif(current_setting('jwt.claims.sub', true), ''),
    'sid', nullif(current_setting('jwt.claims.sid', true), ''),
    'role', auth.role()
  ));
$$ language sql stable parallel safe set search_path to '';

create or replace function app_hidden.current_session_id() returns uuid
language sql stable parallel safe
return nullif(current_setting('jwt.claims.sid', true), '')::uuid;

create or replace function app_hidden.current_organization_id() returns uuid
language sql stable parallel safe
return nullif(current_setting('app.organization_id', true), '')::uuid;

create or replace function app_hidden.current_clinic_id() returns uuid
language sql stable parallel safe
return nullif(current_setting('app.clinic_id', true), '')::uuid;

create or replace function app_hidden.request_id() returns text
language sql stable parallel safe
return nullif(current_setting('app.request_id', true), '');

create or replace function app_hidden.purpose_of_use() returns text
language sql stable parallel safe
return nullif(current_setting('app.purpose_of_use', true), '');

-- A keyed hash of the address a request comes from, which is all that SQL learns of it.
create or replace function app_hidden.client_address() returns text
language sql stable parallel safe
return nullif(current_setting('app.client_address', true), '');

-- The organizations an import or backfill has declared (comma-separated); `app_data` reaches no other.
create or replace function app_hidden.data_scope() returns uuid[]
language sql stable parallel safe
return string_to_array(nullif(current_setting('app.data_scope', true), ''), ',')::uuid[];

-- The organization whose seats are being counted (billing/take_seat.sql); `app_definer` sees its memberships meanwhile.
create or replace function app_hidden.seat_scope() returns uuid
language sql stable parallel safe
return nullif(current_setting('app.seat_scope', true), '')::uuid;

-- Access ----------------------------------------------------------------------

grant execute on function
  auth.uid(),
  auth.role(),
  auth.jwt(),
  app_hidden.current_session_id(),
  app_hidden.current_organization_id(),
  app_hidden.current_clinic_id(),
  app_hidden.request_id(),
  app_hidden.purpose_of_use(),
  app_hidden.client_address()
to app_anonymous, app_user, app_worker, app_data, app_definer;
grant execute on function app_hidden.data_scope() to app_data, app_definer;
grant execute on function app_hidden.seat_scope() to app_definer;
--! EndIncluded foundation/request_context.sql
--! Included foundation/uuid_v7.sql
-- Time-ordered ids (RFC 9562, section 5.7) on every supported Postgres: `uuidv7()` is built in from 18 on only, and the
-- catalogue must not differ between versions. 48 bits of milliseconds, then the random bits of a v4 with its version set.
create or replace function app_hidden.uuid_v7() returns uuid
language sql volatile parallel safe
return encode(
  set_bit(
    set_bit(
      overlay(
        uuid_send(gen_random_uuid())
        placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
        from 1 for 6
      ),
      52, 1
    ),
    53, 1
  ),
  'hex'
)::uuid;

-- Access ----------------------------------------------------------------------

grant execute on function app_hidden.uuid_v7()
to app_anonymous, app_user, app_worker, app_data, app_definer;
--! EndIncluded foundation/uuid_v7.sql
--! Included audit/event_facts.sql
-- What an event says besides who, what and when; each is part of the second canonical form (audit/hash_event.sql).
alter table app_audit.events
  add column if not exists on_behalf_of uuid,
  add column if not exists address_hash text,
  add column if not exists device_hash text,
  add column if not exists operation text,
  add column if not exists document_hash text,
  add column if not exists grant_id uuid,
  add column if not exists patient_ids uuid[] not null default '{}',
  add column if not exists changes jsonb,
  add column if not exists row_count integer,
  add column if not exists outcome text not null default 'ok',
  add column if not exists error_code text;

-- Somebody looks at many rows, and who is refused reaches none.
alter table app_audit.events alter column row_id drop not null;

-- audit/hash_event.sql asks for what they said.
alter table app_audit.events
  drop constraint if exists events_person_is_named,
  drop constraint if exists events_command_is_known,
  drop constraint if exists events_change_names_row,
  drop constraint if exists events_outcome_is_known,
  drop constraint if exists events_refusal_has_code,
  drop constraint if exists events_attempt_is_refused;

-- Whose records: for the accounting of disclosures. Most tables concern no patient, and are left out.
create index if not exists events_patient_ids_idx on app_audit.events using gin (patient_ids) where patient_ids <> '{}';

-- Documentation ---------------------------------------------------------------

comment on column app_audit.events.on_behalf_of is
  'In whose name the actor acted: the person who asked for a job, or whose share was opened.';
comment on column app_audit.events.address_hash is 'Keyed hash of the address that the request came from.';
comment on column app_audit.events.device_hash is 'Keyed hash of the address and the program that sent the request.';
comment on column app_audit.events.operation is 'The name that the client gave its operation.';
comment on column app_audit.events.document_hash is 'SHA-256 of the GraphQL document, hexadecimal.';
comment on column app_audit.events.grant_id is
  'The emergency access to the patient that the actor had open (app_public.break_glass_grants, which has the reason).';
comment on column app_audit.events.patient_ids is 'The patients whose records were changed or read.';
comment on column app_audit.events.changes is
  'Of the changed columns: `old` and `new` values where they are plain, `oldHash` and `newHash` (HMAC under the organization’s key) where they are PHI, nothing where they are secret.';
comment on column app_audit.events.row_count is 'How many records were read.';
comment on column app_audit.events.outcome is 'ok, or denied: nothing was changed or read then.';
comment on column app_audit.events.error_code is 'Why it was denied, as in docs/error-codes.md.';
--! EndIncluded audit/event_facts.sql
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
create or replace function app_private.open_grants(actor_id uuid, patient_ids uuid[]) returns setof uuid
language sql stable parallel safe rows 1
begin atomic
  select g.id
  from app_public.break_glass_grants g
  where g.user_id = open_grants.actor_id
  and g.patient_id = any (open_grants.patient_ids)
  and g.expires_at > now()
  and g.revoked_at is null
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
--! Included audit/hash_event.sql
set local role app_definer;

-- SHA-256 of all that an event says, as the text of one JSON array, which no two events share. The first part names the form:
-- events that were written before the second one keep theirs, in which the later columns have no place.
-- src/audit/canonicalEvent.ts makes the same text without the database. What the statement brought as hash is replaced.
-- What an event must say is asked here too, and not by constraints: Postgres reads the text of a table's check constraints
-- anew for every statement, which took a quarter of an event's time.
create or replace function app_audit.tg_events__hash() returns trigger as $$
declare
  v_broken text := case
    when NEW.actor_role = 'app_user' and NEW.actor_id is null then 'events_person_is_named'
    -- EXPLAIN: an administrator asked what somebody may do (access/explain_access.sql).
    when NEW.command not in ('INSERT', 'UPDATE', 'DELETE', 'EXPLAIN', 'SELECT', 'ATTEMPT') then 'events_command_is_known'
    -- Somebody looks at many rows, and who is refused reaches none.
    when NEW.row_id is null and NEW.command not in ('SELECT', 'ATTEMPT') then 'events_change_names_row'
    when NEW.outcome not in ('ok', 'denied') then 'events_outcome_is_known'
    when (NEW.outcome = 'denied') <> (NEW.error_code is not null) then 'events_refusal_has_code'
    when (NEW.outcome = 'denied') <> (NEW.command = 'ATTEMPT') then 'events_attempt_is_refused'
  end;
begin
  if v_broken is not null then
    raise exception 'This is no event: %.', v_broken
      using errcode = 'check_violation', schema = 'app_audit', table = 'events', constraint = v_broken;
  end if;
  NEW.hash_version := 2;
  NEW.row_hash := sha256(convert_to(
    json_build_array(
      'event/2',
      NEW.id,
      (extract(epoch from NEW.occurred_at) * 1000000)::bigint::text,
      NEW.timeline,
      NEW.transaction_id::text,
      NEW.organization_id,
      NEW.clinic_id,
      NEW.actor_id,
      NEW.session_id,
      NEW.actor_role,
      NEW.command,
      NEW.table_name,
      NEW.row_id,
      NEW.changed_fields,
      NEW.purpose_of_use,
      NEW.request_id,
      NEW.on_behalf_of,
      NEW.address_hash,
      NEW.device_hash,
      NEW.operation,
      NEW.document_hash,
      NEW.grant_id,
      NEW.patient_ids,
      -- As text: how Postgres prints a document is the same in every version, how others would is not.
      NEW.changes::text,
      NEW.row_count,
      NEW.outcome,
      NEW.error_code
    )::text,
    'UTF8'
  ));
  return NEW;
end;
$$ language plpgsql volatile set search_path to '';

grant execute on function app_audit.tg_events__hash() to app_owner;

reset role;

create or replace trigger _100_hash
  before insert on app_audit.events
  for each row
  execute function app_audit.tg_events__hash();
alter table app_audit.events enable always trigger _100_hash;

-- Documentation ---------------------------------------------------------------

comment on column app_audit.events.row_hash is 'SHA-256 of the other columns, in the canonical form of hash_version.';
--! EndIncluded audit/hash_event.sql
--! Included audit/record_changes.sql
set local role app_definer;

-- One call per statement, however many rows it changed; what is the same for all of them is read once. Arguments: the key
-- column, and the column that holds the organization ('' where a table belongs to none). Values by sensitivity: see
-- audit/column_sensitivities.sql.
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
  v_plain text[];
  v_phi text[];
begin
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
      g.id, array_remove(array[r.patient_id], null),
      nullif(
        case when c.old_values is null then '{}' else jsonb_build_object('old', c.old_values, 'new', c.new_values) end
        || case when c.old_hashes is null then '{}' else jsonb_build_object('oldHash', c.old_hashes, 'newHash', c.new_hashes) end,
        '{}'
      )
    from (
      select p.record, p.before, p.organization_id, (p.record ->> v_patient_column)::uuid as patient_id,
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
    ) as c
    left join lateral app_private.open_grants(v_facts.actor_id, array[r.patient_id]) as g (id) on true;
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
      g.id, array_remove(array[r.patient_id], null),
      (
        select jsonb_build_object('new', jsonb_object_agg(p.name, r.record -> p.name))
        from unnest(v_plain) as p (name)
        where r.record ? p.name
        having count(*) > 0
      )
    from (
      select s.record, (s.record ->> v_organization_column)::uuid as organization_id,
        (s.record ->> v_patient_column)::uuid as patient_id
      from (select jsonb_strip_nulls(to_jsonb(new_row)) as record from new_rows as new_row offset 0) as s
      offset 0
    ) as r
    left join lateral app_private.open_grants(v_facts.actor_id, array[r.patient_id]) as g (id) on true;
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
      g.id, array_remove(array[r.patient_id], null),
      (
        select jsonb_build_object('old', jsonb_object_agg(p.name, r.record -> p.name))
        from unnest(v_plain) as p (name)
        where r.record ? p.name
        having count(*) > 0
      )
    from (
      select s.record, (s.record ->> v_organization_column)::uuid as organization_id,
        (s.record ->> v_patient_column)::uuid as patient_id
      from (select jsonb_strip_nulls(to_jsonb(old_row)) as record from old_rows as old_row offset 0) as s
      offset 0
    ) as r
    left join lateral app_private.open_grants(v_facts.actor_id, array[r.patient_id]) as g (id) on true;
  end if;
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '' set enable_seqscan to off;

grant execute on function app_private.tg__audit() to app_owner;

reset role;
--! EndIncluded audit/record_changes.sql
--! Included audit/record_events.sql
set local role app_definer;

-- What triggers do not see: what was read, and what was refused. One call for the requests of a few milliseconds; the gateway
-- says of each under which settings it ran, and the facts come of them by the same function as those of a change.
-- A definer function, because whoever calls it may read and change nothing, and has nothing else.
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
      -- Of rows that were read, the rows' own. Else the one that the request names, or the actor's only one: nobody fills the
      -- trail of an organization in which they are nobody.
      coalesce((r.event ->> 'organizationId')::uuid, (
        select case when count(*) = 1 then min(m.organization_id::text)::uuid end
        from app_public.organization_memberships m
        where m.user_id = (r.facts).actor_id
        and m.active
        and m.organization_id
          = coalesce(nullif(r.event -> 'settings' ->> 'app.organization_id', '')::uuid, m.organization_id)
      )),
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
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_hidden.record_events(jsonb) to app_recorder;

reset role;

grant usage on schema app_hidden to app_recorder;
--! EndIncluded audit/record_events.sql
