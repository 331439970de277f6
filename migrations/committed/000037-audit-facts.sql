--! Previous: sha1:e8efb5ef4e791bad31ebbcae21e83b19a0b8cb62
--! Hash: sha1:aa26777eaf1691e6e8210b553ad2d59aeb4a974d
--! Message: audit-facts

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 50-audit-facts.sql
-- What an event says besides who, what and when, and the second canonical form of its hash.

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

do $$
begin
  if not exists (
    select from pg_catalog.pg_constraint k
    where k.conrelid = 'app_audit.events'::regclass and k.conname = 'events_outcome_is_known'
  ) then
    alter table app_audit.events
      drop constraint events_command_is_known,
      -- EXPLAIN: an administrator asked what somebody may do (access/explain_access.sql).
      add constraint events_command_is_known
        check (command in ('INSERT', 'UPDATE', 'DELETE', 'EXPLAIN', 'SELECT', 'ATTEMPT')),
      add constraint events_change_names_row check (row_id is not null or command in ('SELECT', 'ATTEMPT')),
      add constraint events_outcome_is_known check (outcome in ('ok', 'denied')),
      add constraint events_refusal_has_code check ((outcome = 'denied') = (error_code is not null)),
      add constraint events_attempt_is_refused check ((outcome = 'denied') = (command = 'ATTEMPT'));
  end if;
end
$$;

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
--! Included audit/events.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_audit.events');

-- Only functions of the audit write, in their own transaction. Nobody has update, delete or truncate.
create policy insert_definer on app_audit.events
  for insert to app_definer
  with check (transaction_id = pg_current_xact_id());

-- Administrators see their organization's trail, everybody their own; a superadmin sees all but what concerns the vault,
-- also what belongs to no organization or to one that is gone, unless the request is about one organization.
-- Read through audit_logs, which has a branch for each of these.
create policy tenant_boundary on app_audit.events
  as restrictive to app_user
  using (
    organization_id = any (array(select app_hidden.my_organization_ids()))
    or actor_id = (select app_hidden.current_user_id())
    or (select app_hidden.is_superadmin() and app_hidden.current_organization_id() is null)
  )
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));
create policy select_administrator on app_audit.events
  for select to app_user
  using (
    organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
    or actor_id = (select app_hidden.current_user_id())
    or table_name not like 'app\_vault.%' and (select app_hidden.is_superadmin())
  );

-- How old the oldest event is that no seal covers (operations/operational_state.sql), whose events a month has
-- (audit/remove_month.sql), what a patient is told (audit/patient_access_report.sql) and what a record was
-- (audit/record_as_of.sql).
create policy select_definer on app_audit.events
  for select to app_definer
  using (timeline > 0);

-- All of them: whoever verifies has to see what was sealed, and how much is not.
create policy select_sealer on app_audit.events
  for select to app_sealer
  using (timeline > 0);

grant usage on schema app_audit to app_user;
grant
  insert,
  select (
    id, occurred_at, timeline, transaction_id, organization_id, clinic_id, actor_id, on_behalf_of, actor_role, command,
    table_name, row_id, changed_fields, purpose_of_use, grant_id, patient_ids, changes, outcome
  )
on app_audit.events to app_definer;
grant select (
  id, occurred_at, organization_id, clinic_id, actor_id, actor_role, command, table_name, row_id, changed_fields,
  purpose_of_use, request_id
) on app_audit.events to app_user;
-- What audit_logs shows, and nothing else: no values, hashes, sessions or devices.
grant select (
  id, occurred_at, timeline, transaction_id, organization_id, clinic_id, actor_id, session_id, actor_role, command,
  table_name, row_id, changed_fields, purpose_of_use, request_id, on_behalf_of, address_hash, device_hash, operation,
  document_hash, grant_id, patient_ids, changes, row_count, outcome, error_code, hash_version, row_hash
) on app_audit.events to app_sealer;

-- Triggers --------------------------------------------------------------------

create or replace function app_audit.tg_events__refuse_change() returns trigger as $$
begin
  raise exception 'Audit events are never changed or removed.' using errcode = 'DENYD';
end;
$$ language plpgsql volatile set search_path to '';

create or replace trigger _300_refuse_change
  before update or delete on app_audit.events
  for each row
  execute function app_audit.tg_events__refuse_change();

create or replace trigger _301_refuse_truncate
  before truncate on app_audit.events
  for each statement
  execute function app_audit.tg_events__refuse_change();

-- Also when somebody sets session_replication_role, which skips ordinary triggers.
alter table app_audit.events enable always trigger _300_refuse_change;
alter table app_audit.events enable always trigger _301_refuse_truncate;

-- Documentation ---------------------------------------------------------------

comment on table app_audit.events is
  'One row for each row changed in any table with tenant or user data, written in the same transaction; one for each request that read patient data, written before its answer left; and one for each request that was refused.';
comment on column app_audit.events.actor_role is 'The database role that acted.';
comment on column app_audit.events.changed_fields is
  'Names of the fields that got another value (all that have one, for a new row), or that were read. Never the values.';
--! EndIncluded audit/events.sql
--! Included audit/hash_keys.sql
-- One key an organization: whoever compares two PHI values of the audit can do so within one organization only, and without
-- the key (it is gone with the organization) nobody can guess a value and try.
create table if not exists app_audit.hash_keys (
  organization_id uuid primary key references app_public.organizations on delete cascade,
  key bytea not null default extensions.gen_random_bytes(32),
  created_at timestamptz not null default now(),
  constraint hash_keys_key_is_long check (octet_length(key) = 32)
);

-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_audit.hash_keys');

-- The audit trigger alone uses them; no request role has a grant.
create policy insert_definer on app_audit.hash_keys
  for insert to app_definer
  with check (octet_length(key) = 32);
create policy select_definer on app_audit.hash_keys
  for select to app_definer
  using (octet_length(key) = 32);
grant select (organization_id, key), insert (organization_id) on app_audit.hash_keys to app_definer;
-- No update grant: hashes of before could not be compared any more.

-- Triggers --------------------------------------------------------------------

select app_private.audit_changes('app_audit.hash_keys', 'organization_id');

set local role app_definer;

create or replace function app_audit.tg_organizations__make_hash_key() returns trigger as $$
begin
  insert into app_audit.hash_keys (organization_id) values (NEW.id);
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_audit.tg_organizations__make_hash_key() to app_owner;

-- Organizations of before.
insert into app_audit.hash_keys (organization_id)
select o.id
from app_public.organizations o
on conflict do nothing;

reset role;

create or replace trigger _400_make_hash_key
  after insert on app_public.organizations
  for each row
  execute function app_audit.tg_organizations__make_hash_key();
alter table app_public.organizations enable always trigger _400_make_hash_key;

-- Documentation ---------------------------------------------------------------

comment on table app_audit.hash_keys is
  'Each organization’s key for the hashes of PHI values in the audit. Removing one makes them meaningless, and breaks no seal.';
comment on column app_audit.hash_keys.key is E'@sensitivity secret\n32 random bytes.';
--! EndIncluded audit/hash_keys.sql
--! Included audit/describe_request.sql
set local role app_definer;

-- The role a statement was sent under: in a definer function `current_user` would be the function's owner.
create or replace function app_private.acting_role() returns text as $$
  select coalesce(nullif(current_setting('role', true), 'none'), session_user);
$$ language sql stable parallel safe set search_path to '';

-- What two values of PHI are compared by: HMAC-SHA-256 under the organization's key, cut to 128 bits.
create or replace function app_private.value_hash(key bytea, value jsonb) returns text as $$
  select left(
    encode(extensions.hmac(convert_to(coalesce(value_hash.value, 'null')::text, 'UTF8'), value_hash.key, 'sha256'), 'hex'),
    32
  );
$$ language sql immutable parallel safe set search_path to '';

-- What one request has in common for all events it makes, read once a statement. The hashes are cut to 128 bits: enough to
-- tell addresses apart, and half of what an event would take otherwise.
create or replace function app_private.describe_request() returns app_audit.events as $$
declare
  v_event app_audit.events;
begin
  v_event.actor_id := auth.uid();
  v_event.session_id := app_hidden.current_session_id();
  v_event.actor_role := app_private.acting_role();
  v_event.purpose_of_use := app_hidden.purpose_of_use();
  v_event.request_id := app_hidden.request_id();
  v_event.address_hash := left(app_hidden.client_address(), 32);
  v_event.device_hash := left(nullif(current_setting('app.client_device', true), ''), 32);
  v_event.operation := left(nullif(current_setting('app.operation', true), ''), 100);
  v_event.document_hash := nullif(current_setting('app.document_hash', true), '');
  -- The worker has no identity; whoever asked for the job may have one (src/jobs/tenantTask.ts).
  if v_event.actor_role = 'app_worker' then
    v_event.on_behalf_of := nullif(current_setting('app.job_actor_id', true), '')::uuid;
  end if;
  return v_event;
end;
$$ language plpgsql stable set search_path to '';

reset role;
--! EndIncluded audit/describe_request.sql
--! Included audit/column_sensitivities.sql
-- Of whose columns the audit keeps values. The tags of the columns' comments decide; they are copied here, because reading them
-- from the catalogue takes longer than writing an event. A column that is not listed keeps its values to itself.
create table if not exists app_audit.column_sensitivities (
  table_name text primary key,
  plain text[] not null,
  phi text[] not null
);

-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_audit.column_sensitivities');

create policy select_definer on app_audit.column_sensitivities
  for select to app_definer
  using (cardinality(plain) >= 0);
create policy insert_definer on app_audit.column_sensitivities
  for insert to app_definer
  with check (table_name like 'app\_%');
create policy delete_definer on app_audit.column_sensitivities
  for delete to app_definer
  using (cardinality(plain) >= 0);
grant select, insert (table_name, plain, phi), delete on app_audit.column_sensitivities to app_definer;

-- Functions -------------------------------------------------------------------

set local role app_definer;

-- Copies the tags (`@sensitivity phi`, `secret` or `plain`) of all audited tables; every migration that adds a column or
-- changes a tag ends with it. Without a tag, ids, times, numbers and closed sets of the API's tables are plain; text,
-- documents and bytes are secret, as is all of the other schemas.
create or replace function app_audit.note_sensitivity() returns void as $$
begin
  delete from app_audit.column_sensitivities s where s.table_name is not null;
  insert into app_audit.column_sensitivities (table_name, plain, phi)
  select c.table_name,
    coalesce(array_agg(c.name order by c.name) filter (where c.sensitivity = 'plain'), '{}'),
    coalesce(array_agg(c.name order by c.name) filter (where c.sensitivity = 'phi'), '{}')
  from (
    select
      r.relnamespace::regnamespace || '.' || r.relname as table_name,
      a.attname::text as name,
      coalesce(
        substring(d.description from '@sensitivity (phi|secret|plain)'),
        case
          when r.relnamespace = 'app_public'::regnamespace
            and (t.typcategory in ('B', 'D', 'E', 'N', 'R', 'T') or a.atttypid = 'uuid'::regtype) then 'plain'
          else 'secret'
        end
      ) as sensitivity
    from pg_catalog.pg_class r
    join pg_catalog.pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
    join pg_catalog.pg_type t on t.oid = a.atttypid
    left join pg_catalog.pg_description d
      on d.objoid = r.oid and d.classoid = 'pg_catalog.pg_class'::regclass and d.objsubid = a.attnum
    where r.oid in (select g.tgrelid from pg_catalog.pg_trigger g where g.tgfoid = 'app_private.tg__audit'::regproc)
    -- The event itself says who and when.
    and a.attname not in ('created_at', 'created_by', 'updated_at', 'updated_by')
  ) as c
  group by c.table_name;
end;
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_audit.note_sensitivity() to app_owner;

reset role;

-- Documentation ---------------------------------------------------------------

comment on table app_audit.column_sensitivities is
  'Which columns’ values the audit keeps, and which it keeps a hash of: the tags of their comments, copied by note_sensitivity().';
comment on column app_audit.column_sensitivities.plain is 'Columns whose values are kept as they are.';
comment on column app_audit.column_sensitivities.phi is 'Columns whose values are kept as a hash under the organization’s key.';
--! EndIncluded audit/column_sensitivities.sql
--! Included audit/audit_changes.sql
set local role app_definer;

-- One call per statement, however many rows it changed; what is the same for all of them is read once. Arguments: the key
-- column, and the column that holds the organization ('' where a table belongs to none). Values by sensitivity: see
-- audit/column_sensitivities.sql.
create or replace function app_private.tg__audit() returns trigger as $$
declare
  v_facts app_audit.events := app_private.describe_request();
  -- Patient → the emergency access of the actor to them that is open now; null for almost everybody.
  v_grants jsonb;
  v_table text := TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME;
  v_patient_column text := case when TG_TABLE_NAME = 'patients' then 'id' else 'patient_id' end;
  -- Whose vault it is: whoever else changes something there does it for them.
  v_owner_column text := case when TG_TABLE_SCHEMA = 'app_vault' then 'user_id' else '' end;
  v_plain text[];
  v_phi text[];
begin
  select s.plain, s.phi into v_plain, v_phi from app_audit.column_sensitivities s where s.table_name = v_table;
  if v_facts.actor_id is not null then
    select jsonb_object_agg(g.patient_id, g.id) into v_grants
    from app_public.break_glass_grants g
    where g.user_id = v_facts.actor_id and g.expires_at > now() and g.revoked_at is null;
  end if;
  if TG_OP = 'UPDATE' then
    insert into app_audit.events (
      organization_id, clinic_id, actor_id, session_id, actor_role, command, table_name, row_id, changed_fields,
      purpose_of_use, request_id, on_behalf_of, address_hash, device_hash, operation, document_hash, grant_id,
      patient_ids, changes
    )
    select r.organization_id, (r.new_record ->> 'clinic_id')::uuid, v_facts.actor_id, v_facts.session_id,
      v_facts.actor_role, TG_OP, v_table, (r.new_record ->> TG_ARGV[0])::uuid, coalesce(c.fields, '{}'),
      v_facts.purpose_of_use, v_facts.request_id,
      coalesce(v_facts.on_behalf_of, nullif((r.new_record ->> v_owner_column)::uuid, v_facts.actor_id)),
      v_facts.address_hash, v_facts.device_hash, v_facts.operation, v_facts.document_hash,
      (v_grants ->> (r.new_record ->> v_patient_column))::uuid,
      array_remove(array[(r.new_record ->> v_patient_column)::uuid], null),
      nullif(
        case when c.old_values is null then '{}' else jsonb_build_object('old', c.old_values, 'new', c.new_values) end
        || case when c.old_hashes is null then '{}' else jsonb_build_object('oldHash', c.old_hashes, 'newHash', c.new_hashes) end,
        '{}'
      )
    from (
      select o.record as old_record, n.record as new_record, (n.record ->> TG_ARGV[1])::uuid as organization_id
      from (select to_jsonb(new_row) as record from new_rows as new_row) as n
      join (select to_jsonb(old_row) as record from old_rows as old_row) as o
        on n.record ->> TG_ARGV[0] = o.record ->> TG_ARGV[0]
    ) as r
    left join app_audit.hash_keys k on cardinality(v_phi) > 0 and k.organization_id = r.organization_id
    cross join lateral (
      select
        array_agg(f.key order by f.key) as fields,
        jsonb_object_agg(f.key, f.before) filter (where f.key = any (v_plain)) as old_values,
        jsonb_object_agg(f.key, f.after) filter (where f.key = any (v_plain)) as new_values,
        jsonb_object_agg(f.key, app_private.value_hash(k.key, f.before))
          filter (where k.key is not null and f.key = any (v_phi)) as old_hashes,
        jsonb_object_agg(f.key, app_private.value_hash(k.key, f.after))
          filter (where k.key is not null and f.key = any (v_phi)) as new_hashes
      from (
        select e.key, r.old_record -> e.key as before, e.value as after
        from jsonb_each(r.new_record) as e
        where e.value is distinct from r.old_record -> e.key
        and e.key not in ('updated_at', 'updated_by')
      ) as f
    ) as c;
    return null;
  end if;

  -- A row that is new, or gone: the plain values it had, without those that are null.
  if TG_OP = 'INSERT' then
    insert into app_audit.events (
      organization_id, clinic_id, actor_id, session_id, actor_role, command, table_name, row_id, changed_fields,
      purpose_of_use, request_id, on_behalf_of, address_hash, device_hash, operation, document_hash, grant_id,
      patient_ids, changes
    )
    select (r.record ->> TG_ARGV[1])::uuid, (r.record ->> 'clinic_id')::uuid, v_facts.actor_id, v_facts.session_id,
      v_facts.actor_role, TG_OP, v_table, (r.record ->> TG_ARGV[0])::uuid,
      array(select jsonb_object_keys(r.record) as key order by key),
      v_facts.purpose_of_use, v_facts.request_id,
      coalesce(v_facts.on_behalf_of, nullif((r.record ->> v_owner_column)::uuid, v_facts.actor_id)),
      v_facts.address_hash, v_facts.device_hash, v_facts.operation, v_facts.document_hash,
      (v_grants ->> (r.record ->> v_patient_column))::uuid,
      array_remove(array[(r.record ->> v_patient_column)::uuid], null),
      (
        select jsonb_build_object('new', jsonb_object_agg(p.name, r.record -> p.name))
        from unnest(v_plain) as p (name)
        where r.record ? p.name
        having count(*) > 0
      )
    from (select jsonb_strip_nulls(to_jsonb(new_row)) as record from new_rows as new_row) as r;
    return null;
  end if;

  insert into app_audit.events (
    organization_id, clinic_id, actor_id, session_id, actor_role, command, table_name, row_id, changed_fields,
    purpose_of_use, request_id, on_behalf_of, address_hash, device_hash, operation, document_hash, grant_id,
    patient_ids, changes
  )
  select (r.record ->> TG_ARGV[1])::uuid, (r.record ->> 'clinic_id')::uuid, v_facts.actor_id, v_facts.session_id,
    v_facts.actor_role, TG_OP, v_table, (r.record ->> TG_ARGV[0])::uuid, '{}',
    v_facts.purpose_of_use, v_facts.request_id,
    coalesce(v_facts.on_behalf_of, nullif((r.record ->> v_owner_column)::uuid, v_facts.actor_id)),
    v_facts.address_hash, v_facts.device_hash, v_facts.operation, v_facts.document_hash,
    (v_grants ->> (r.record ->> v_patient_column))::uuid,
    array_remove(array[(r.record ->> v_patient_column)::uuid], null),
    (
        select jsonb_build_object('old', jsonb_object_agg(p.name, r.record -> p.name))
        from unnest(v_plain) as p (name)
        where r.record ? p.name
        having count(*) > 0
      )
  from (select jsonb_strip_nulls(to_jsonb(old_row)) as record from old_rows as old_row) as r;
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_private.tg__audit() to app_owner;

reset role;

-- Puts a table on record. Idempotent; ALWAYS, because session_replication_role skips ordinary triggers.
create or replace function app_private.audit_changes(
  target regclass,
  key_column name = 'id',
  organization_column text = 'organization_id'
) returns void as $$
declare
  v_event record;
begin
  for v_event in
    select *
    from (values
      ('insert', 'referencing new table as new_rows'),
      ('update', 'referencing old table as old_rows new table as new_rows'),
      ('delete', 'referencing old table as old_rows')
    ) as events (command, transition_tables)
  loop
    execute format(
      'create or replace trigger _500_audit_%1$s after %1$s on %2$s %3$s'
      ' for each statement execute function app_private.tg__audit(%4$L, %5$L)',
      v_event.command,
      audit_changes.target,
      v_event.transition_tables,
      audit_changes.key_column,
      audit_changes.organization_column
    );
    execute format('alter table %s enable always trigger _500_audit_%s', audit_changes.target, v_event.command);
  end loop;
end;
$$ language plpgsql volatile set search_path to '';
--! EndIncluded audit/audit_changes.sql
--! Included audit/hash_event.sql
set local role app_definer;

-- SHA-256 of all that an event says, as the text of one JSON array, which no two events share. The first part names the form:
-- events that were written before the second one keep theirs, in which the later columns have no place.
-- src/audit/canonicalEvent.ts makes the same text without the database. What the statement brought as hash is replaced.
create or replace function app_audit.tg_events__hash() returns trigger as $$
begin
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

-- Policies and grants of the partitions are reset with their parent's.
select app_audit.create_partitions();
select app_audit.note_sensitivity();
