--! Previous: sha1:bea1d05ad70de613d10b9cc9a626c0b06cc65788
--! Hash: sha1:de4e6d7e796c2205483b0422bc8b4f17bf39b3de
--! Message: privacy officers

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 63-privacy-officers.sql
-- Privacy officers, who see the audit with its content.

--! Included audit/audit_content_type.sql
-- What an event says besides what audit_logs shows of it; a type, so that the API has a name and a text for each of its fields.
do $$
begin
  if to_regtype('app_public.audit_content') is null then
    create type app_public.audit_content as (
      session_id uuid,
      on_behalf_of uuid,
      address_hash text,
      device_hash text,
      operation text,
      document_hash text,
      grant_id uuid,
      patient_ids uuid[],
      row_count integer,
      changes jsonb,
      outcome text,
      error_code text
    );
  end if;
end
$$;

-- Granted by an owner to somebody else, never to oneself (tenancy/organization_memberships.sql).
alter table app_public.organization_memberships
  add column if not exists is_privacy_officer boolean not null default false;
--! EndIncluded audit/audit_content_type.sql
--! Included audit/privacy_officers.sql
set local role app_definer;

-- Organizations whose privacy officer the person is.
create or replace function app_hidden.privacy_officer_organization_ids() returns setof uuid as $$
declare
  v_user_id uuid := app_hidden.current_user_id();
  v_organization_id uuid := app_hidden.current_organization_id();
begin
  return query
    select m.organization_id
    from app_public.organization_memberships m
    where m.user_id = v_user_id
    and m.active
    and m.is_privacy_officer
    and (v_organization_id is null or m.organization_id = v_organization_id);
end;
$$ language plpgsql stable parallel safe security definer set search_path to '';

-- Organizations whose trail the person sees: those they run, and those whose privacy they watch over.
create or replace function app_hidden.trail_organization_ids() returns setof uuid as $$
begin
  return query
    select app_hidden.organization_ids_with_role('{owner,admin}')
    union
    select app_hidden.privacy_officer_organization_ids();
end;
$$ language plpgsql stable parallel safe security definer set search_path to '';

grant execute on function
  app_hidden.privacy_officer_organization_ids(),
  app_hidden.trail_organization_ids()
to app_user;

reset role;
--! EndIncluded audit/privacy_officers.sql
--! Included tenancy/organization_memberships.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.organization_memberships');
select app_private.allow_data_role('app_public.organization_memberships');

create policy tenant_boundary on app_public.organization_memberships
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

create policy select_self_or_administrator on app_public.organization_memberships
  for select to app_user
  using (
    user_id = (select app_hidden.current_user_id())
    or organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
    or (select app_hidden.is_superadmin())
  );

-- An admin changes anybody but owners; only an owner makes or changes an owner. Nobody changes their own row, so that no
-- one raises themselves and the last owner cannot leave.
create policy update_administrator on app_public.organization_memberships
  for update to app_user
  using (
    user_id <> (select app_hidden.current_user_id())
    and (
      organization_id = any (array(select app_hidden.organization_ids_with_role('{owner}')))
      or role <> 'owner'
      and organization_id = any (array(select app_hidden.organization_ids_with_role('{admin}')))
    )
  )
  with check (
    user_id <> (select app_hidden.current_user_id())
    and (
      organization_id = any (array(select app_hidden.organization_ids_with_role('{owner}')))
      or role <> 'owner'
      and organization_id = any (array(select app_hidden.organization_ids_with_role('{admin}')))
    )
  );

-- The helpers look up the caller's own memberships and nobody else's; seats are counted over everybody of one organization,
-- and a job that has something to tell its organization finds the administrators.
create policy select_definer on app_public.organization_memberships
  for select to app_definer
  using (
    user_id = (select auth.uid())
    or organization_id = (select app_hidden.seat_scope())
    or (
      (select app_private.acting_role()) = 'app_worker'
      and role in ('owner', 'admin')
      and organization_id = (select app_hidden.current_organization_id())
    )
  );

-- create_organization() and accept_invitation() make the caller a member.
create policy insert_definer on app_public.organization_memberships
  for insert to app_definer
  with check (user_id = (select auth.uid()));
create policy update_definer on app_public.organization_memberships
  for update to app_definer
  using (user_id = (select auth.uid()))
  with check (user_id = (select auth.uid()));

-- Whom a job tells of something (access/notify_reviewers.sql).
create policy select_worker on app_public.organization_memberships
  for select to app_worker
  using (organization_id = (select app_hidden.current_organization_id()));

grant
  select (
    id, organization_id, user_id, role, is_privacy_officer, active, created_at, updated_at, created_by, updated_by
  ),
  update (role, is_privacy_officer, active)
on app_public.organization_memberships to app_user;
grant select, insert (organization_id, user_id, role), update (role, active)
on app_public.organization_memberships to app_definer;
grant select (organization_id, user_id, role, active) on app_public.organization_memberships to app_worker;
-- No insert grant: people become members by invitation. No delete grant: a membership that ends becomes inactive, so that
-- what the person did stays attributable.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.organization_memberships');

-- Whoever leaves and comes back is no privacy officer until an owner says so again.
create or replace function app_private.tg_organization_memberships__end_office() returns trigger as $$
begin
  NEW.is_privacy_officer := false;
  return NEW;
end;
$$ language plpgsql volatile set search_path to '';

create or replace trigger _110_end_office
  before update of active on app_public.organization_memberships
  for each row
  when (not NEW.active)
  execute function app_private.tg_organization_memberships__end_office();

-- Who watches over those that run the organization is not theirs to choose, nor to put out of office, except the owners'.
create or replace function app_private.tg_organization_memberships__guard_office() returns trigger as $$
begin
  if current_user = 'app_user'
    and NEW.organization_id <> all (array(select app_hidden.organization_ids_with_role('{owner}')))
  then
    raise exception 'Only an owner says who the privacy officer is.' using errcode = 'DENYD';
  end if;
  return NEW;
end;
$$ language plpgsql volatile set search_path to '';

create or replace trigger _310_guard_office
  before update of is_privacy_officer on app_public.organization_memberships
  for each row
  when (NEW.is_privacy_officer is distinct from OLD.is_privacy_officer)
  execute function app_private.tg_organization_memberships__guard_office();

-- Documentation ---------------------------------------------------------------

comment on table app_public.organization_memberships is
  'That a person belongs to an organization, and as what. Everybody sees their own; owners and admins see all.';
comment on column app_public.organization_memberships.id is 'The membership’s id.';
comment on column app_public.organization_memberships.organization_id is 'The organization.';
comment on column app_public.organization_memberships.user_id is 'The person.';
comment on column app_public.organization_memberships.role is 'What the person is there.';
comment on column app_public.organization_memberships.is_privacy_officer is
  'Whether the person sees the organization’s audit with its content. An owner says so of somebody else; ends with the membership.';
comment on column app_public.organization_memberships.active is
  'Whether it counts. Access ends with the next statement after this turns false.';
comment on column app_public.organization_memberships.created_at is 'When the person joined.';
comment on column app_public.organization_memberships.updated_at is 'When the membership last changed.';
comment on column app_public.organization_memberships.created_by is 'Who made it.';
comment on column app_public.organization_memberships.updated_by is 'Who changed it last.';
--! EndIncluded tenancy/organization_memberships.sql
--! Included audit/events.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_audit.events');

-- Only functions of the audit write, in their own transaction. Nobody has update, delete or truncate.
create policy insert_definer on app_audit.events
  for insert to app_definer
  with check (transaction_id = pg_current_xact_id());

-- Administrators and privacy officers see their organization's trail, everybody their own; a superadmin sees all but what concerns the vault,
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
    organization_id = any (array(select app_hidden.trail_organization_ids()))
    or actor_id = (select app_hidden.current_user_id())
    or table_name not like 'app\_vault.%' and (select app_hidden.is_superadmin())
  );

-- How old the oldest event is that no seal covers (operations/operational_state.sql), whose events a month has
-- (audit/remove_month.sql), what a patient is told (audit/patient_access_report.sql) or the privacy officer
-- (audit/audit_content.sql), and what a record was (audit/record_as_of.sql).
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
    id, occurred_at, timeline, transaction_id, organization_id, clinic_id, actor_id, session_id, on_behalf_of, actor_role,
    command, table_name, row_id, changed_fields, purpose_of_use, address_hash, device_hash, operation, document_hash,
    grant_id, patient_ids, changes, row_count, outcome, error_code
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
--! Included audit/audit_logs.sql
-- The audit under its askers' name and columns (R33, R45): who did what to which record, without content.
-- Three branches, one for each reason to see an event, each read by its own index; who is none of a branch does not read it
-- at all. They decide nothing: the policies of `events` hold each of them, and a reason that is missing here only hides.
create or replace view app_public.audit_logs with (security_invoker = true) as
  select
    e.id,
    e.organization_id,
    e.clinic_id,
    e.actor_id as user_id,
    lower(e.command) as action,
    e.table_name as resource_type,
    e.row_id as resource_id,
    jsonb_strip_nulls(jsonb_build_object(
      'changedFields', to_jsonb(e.changed_fields),
      'actorRole', e.actor_role,
      'purposeOfUse', e.purpose_of_use,
      'requestId', e.request_id
    )) as metadata,
    e.occurred_at as created_at
  from (
    select
      e.id, e.organization_id, e.clinic_id, e.actor_id, e.command, e.table_name, e.row_id, e.changed_fields,
      e.actor_role, e.purpose_of_use, e.request_id, e.occurred_at
    from app_audit.events e
    where e.organization_id = any (array(select app_hidden.trail_organization_ids()))
    union all
    select
      e.id, e.organization_id, e.clinic_id, e.actor_id, e.command, e.table_name, e.row_id, e.changed_fields,
      e.actor_role, e.purpose_of_use, e.request_id, e.occurred_at
    from app_audit.events e
    where e.actor_id = (select app_hidden.current_user_id())
    and (e.organization_id = any (array(select app_hidden.trail_organization_ids()))) is not true
    union all
    select
      e.id, e.organization_id, e.clinic_id, e.actor_id, e.command, e.table_name, e.row_id, e.changed_fields,
      e.actor_role, e.purpose_of_use, e.request_id, e.occurred_at
    from app_audit.events e
    where (select app_hidden.is_superadmin())
    and e.actor_id is distinct from (select app_hidden.current_user_id())
    and (e.organization_id = any (array(select app_hidden.trail_organization_ids()))) is not true
  ) e;

-- Access ----------------------------------------------------------------------

revoke all on app_public.audit_logs from app_user;
grant select (
  id, organization_id, clinic_id, user_id, action, resource_type, resource_id, metadata, created_at
) on app_public.audit_logs to app_user;

-- Documentation ---------------------------------------------------------------

comment on view app_public.audit_logs is
  E'@primaryKey id\n@sensitivity audit\nWhat was changed, by whom and when. Owners, admins and privacy officers see their organization’s; everybody sees their own.';
comment on column app_public.audit_logs.id is 'The event’s id.';
comment on column app_public.audit_logs.organization_id is 'The organization of the record.';
comment on column app_public.audit_logs.clinic_id is 'The clinic of the record.';
comment on column app_public.audit_logs.user_id is 'Who made the change; null for work of the system.';
comment on column app_public.audit_logs.action is 'What was done: insert, update or delete.';
comment on column app_public.audit_logs.resource_type is 'The table of the record.';
comment on column app_public.audit_logs.resource_id is 'The record.';
comment on column app_public.audit_logs.metadata is 'Names of the changed fields, the role, the purpose and the request.';
comment on column app_public.audit_logs.created_at is 'When it happened, by the database’s clock.';
--! EndIncluded audit/audit_logs.sql
--! Included audit/audit_content.sql
set local role app_definer;

-- Of one event, for the organization's privacy officer; no row for everybody else. A definer function, because no request
-- role reads these columns of the events.
create or replace function app_hidden.audit_content(event_id uuid, occurred_at timestamptz)
returns setof app_public.audit_content as $$
  select
    e.session_id, e.on_behalf_of, e.address_hash, e.device_hash, e.operation, e.document_hash, e.grant_id, e.patient_ids,
    e.row_count, e.changes, e.outcome, e.error_code
  from app_audit.events e
  where e.id = audit_content.event_id
  and e.occurred_at = audit_content.occurred_at
  and e.organization_id = any (array(select app_hidden.privacy_officer_organization_ids()));
$$ language sql stable rows 1 security definer set search_path to '';

grant execute on function app_hidden.audit_content(uuid, timestamptz) to app_user;

reset role;

create or replace function app_public.audit_logs_content(log app_public.audit_logs) returns app_public.audit_content as $$
  select c.* from app_hidden.audit_content((log).id, (log).created_at) c;
$$ language sql stable set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_public.audit_logs_content(app_public.audit_logs) to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.audit_logs_content(app_public.audit_logs) is
  E'@sensitivity audit\nWhose records, which values, from where: for the organization’s privacy officers; null for everybody else.';

comment on type app_public.audit_content is E'@sensitivity audit\nWhat an event of the audit says to the privacy officer.';
comment on column app_public.audit_content.session_id is 'The session that acted.';
comment on column app_public.audit_content.on_behalf_of is 'In whose name, where it was not the actor’s own.';
comment on column app_public.audit_content.address_hash is 'Keyed hash of the address that the request came from: the same for the same address.';
comment on column app_public.audit_content.device_hash is 'Keyed hash of the address and the program that sent the request.';
comment on column app_public.audit_content.operation is 'The name that the client gave its operation.';
comment on column app_public.audit_content.document_hash is 'SHA-256 of the GraphQL document, hexadecimal.';
comment on column app_public.audit_content.grant_id is 'The emergency access to the patient that was open.';
comment on column app_public.audit_content.patient_ids is 'The patients whose records were read or changed.';
comment on column app_public.audit_content.row_count is 'How many records were read.';
comment on column app_public.audit_content.changes is
  'Of the changed columns: `old` and `new` where they are plain, `oldHash` and `newHash` where they are of a patient, nothing where they are secret.';
comment on column app_public.audit_content.outcome is 'ok, or denied: nothing was changed or read then.';
comment on column app_public.audit_content.error_code is 'Why it was denied.';
--! EndIncluded audit/audit_content.sql
--! Included audit/record_history.sql
set local role app_definer;

-- The changes of one record: all of them for the administrators of its organization or clinic and for the privacy officer,
-- what they did themselves for others. A definer function, because the administrators of a clinic have no way into the trail but by its records.
create or replace function app_hidden.record_changes(table_name text, record_id uuid)
returns setof app_public.audit_logs as $$
  select
    e.id, e.organization_id, e.clinic_id, e.actor_id, lower(e.command), e.table_name, e.row_id,
    jsonb_strip_nulls(jsonb_build_object(
      'changedFields', to_jsonb(e.changed_fields),
      'actorRole', e.actor_role,
      'purposeOfUse', e.purpose_of_use
    )),
    e.occurred_at
  from app_audit.events e
  where e.row_id = record_changes.record_id
  and e.table_name = record_changes.table_name
  and e.command in ('INSERT', 'UPDATE', 'DELETE')
  and (
    e.actor_id = (select app_hidden.current_user_id())
    or e.organization_id = any (array(select app_hidden.trail_organization_ids()))
    or e.clinic_id = any (array(select app_hidden.administered_clinic_ids()))
    or e.table_name = 'app_public.patients' and app_hidden.can_account_for_patient(e.row_id)
  )
  order by e.occurred_at desc, e.id desc;
$$ language sql stable security definer set search_path to '';

grant execute on function app_hidden.record_changes(text, uuid) to app_user;

reset role;

-- Gives the records of a table the field `history`.
create or replace function app_private.offer_history(target regclass) returns void as $$
declare
  v_name text;
begin
  select c.relname into v_name from pg_catalog.pg_class c where c.oid = offer_history.target;
  execute format(
    $f$
    create or replace function app_public.%1$I(record app_public.%2$I) returns setof app_public.audit_logs as $b$
      select c.* from app_hidden.record_changes(%3$L, (record).id) c;
    $b$ language sql stable rows 10 set search_path to '';
    grant execute on function app_public.%1$I(app_public.%2$I) to app_user;
    comment on function app_public.%1$I(app_public.%2$I) is %4$L
    $f$,
    v_name || '_history',
    v_name,
    'app_public.' || v_name,
    E'@sensitivity audit\nIts changes, newest first: field names, who and when. Administrators of the organization or the clinic see all of them, others their own.'
  );
end;
$$ language plpgsql volatile set search_path to '';

select app_private.offer_history(t)
from unnest('{
  app_public.appointments, app_public.break_glass_grants, app_public.care_sessions, app_public.clinic_memberships,
  app_public.clinics, app_public.organization_memberships, app_public.organizations, app_public.patient_clinic_links,
  app_public.patients, app_public.resource_shares
}'::regclass[]) as t;
--! EndIncluded audit/record_history.sql

select app_audit.note_sensitivity();
