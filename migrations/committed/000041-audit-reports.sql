--! Previous: sha1:ff43647be0b70cb5ae924ca2bc5af3b1f5971ef2
--! Hash: sha1:6cc4234f3f4b499d154c1e212af42fd52300ef3c
--! Message: audit-reports

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 61-audit-reports.sql
-- What people are told of the audit: who saw a patient's record, and what a record was.
--! Included clinical/patients.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.patients');
select app_private.allow_data_role('app_public.patients');

create policy tenant_boundary on app_public.patients
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

-- The patient's home clinic, clinics it shares the patient with, whoever broke the glass, and the patient. No `deleted_at is null` here: the update
-- that archives a row would then be refused.
create policy select_clinic on app_public.patients
  for select to app_user
  using (
    home_clinic_id = any (array(select app_hidden.readable_clinic_ids()))
    or id in (select app_hidden.shared_patient_ids('{demographics,full_record}'))
    or id = any (array(select app_hidden.break_glass_patient_ids()))
    or id = any (array(select app_hidden.my_patient_ids()))
  );

create policy insert_staff on app_public.patients
  for insert to app_user
  with check (
    home_clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider,staff}')))
  );

create policy update_staff on app_public.patients
  for update to app_user
  using (
    home_clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider,staff}')))
  )
  with check (
    home_clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider,staff}')))
  );

-- The helpers ask which patients the caller is; break_glass() finds a patient of the caller's organization by number. The
-- memberships in the subquery are the caller's own: app_definer sees no others. Who runs the organization has a right to the
-- accounting of its patients' disclosures (audit/patient_access_report.sql), and to nothing else of them.
create policy select_definer on app_public.patients
  for select to app_definer
  using (
    portal_user_id = (select auth.uid())
    or organization_id in (select m.organization_id from app_public.clinic_memberships m where m.active)
    or organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
  );

create policy select_worker on app_public.patients
  for select to app_worker
  using (organization_id = (select app_hidden.current_organization_id()));

grant
  select (
    id, organization_id, home_clinic_id, mrn, given_name, family_name, birth_date, death_date, sex, phone, email,
    address, city, region, postal_code, portal_user_id, external_id, created_at, updated_at, created_by, updated_by,
    deleted_at
  ),
  insert (
    organization_id, home_clinic_id, mrn, given_name, family_name, birth_date, death_date, sex, phone, email, address,
    city, region, postal_code
  ),
  update (
    mrn, given_name, family_name, birth_date, death_date, sex, phone, email, address, city, region, postal_code,
    deleted_at
  )
on app_public.patients to app_user;
grant select (id, organization_id, home_clinic_id, mrn, portal_user_id, deleted_at) on app_public.patients to app_definer;
grant select (id, organization_id, home_clinic_id, portal_user_id) on app_public.patients to app_worker;
-- No delete grant: a medical record is kept; archive_patient() takes it out of the lists. No update of home_clinic_id:
-- moving a patient would hand a clinic's records to another; link_patient_to_clinic() shares them instead.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.patients');
select app_private.audit_changes('app_public.patients');

-- Documentation ---------------------------------------------------------------

comment on table app_public.patients is
  'A person under the care of an organization. Somebody seen by two organizations is a patient of each, unknown to the other.';
comment on column app_public.patients.id is 'The patient’s id.';
comment on column app_public.patients.organization_id is 'The organization whose patient this is.';
comment on column app_public.patients.home_clinic_id is 'The clinic that keeps the patient’s record.';
comment on column app_public.patients.mrn is E'@sensitivity phi\nMedical record number, unique within the organization.';
comment on column app_public.patients.given_name is E'@sensitivity phi\nGiven name or names.';
comment on column app_public.patients.family_name is E'@sensitivity phi\nFamily name.';
comment on column app_public.patients.birth_date is E'@sensitivity phi\nDate of birth.';
comment on column app_public.patients.death_date is E'@sensitivity phi\nDate of death.';
comment on column app_public.patients.sex is E'@sensitivity phi\nSex, as it matters for care.';
comment on column app_public.patients.phone is E'@sensitivity phi\nTelephone number.';
comment on column app_public.patients.email is E'@sensitivity phi\nE-mail address.';
comment on column app_public.patients.address is E'@sensitivity phi\nStreet and number.';
comment on column app_public.patients.city is E'@sensitivity phi\nTown or city.';
comment on column app_public.patients.region is E'@sensitivity phi\nState or province.';
comment on column app_public.patients.postal_code is E'@sensitivity phi\nPostal code.';
comment on column app_public.patients.portal_user_id is 'The account with which the patient signs in, if there is one.';
comment on column app_public.patients.external_id is 'The patient’s id in the system the record was imported from.';
comment on column app_public.patients.created_at is 'When the record was made.';
comment on column app_public.patients.updated_at is 'When the record last changed.';
comment on column app_public.patients.created_by is 'Who made the record.';
comment on column app_public.patients.updated_by is 'Who changed the record last.';
comment on column app_public.patients.deleted_at is
  E'@behavior -attribute:update\nWhen the record was archived; null while it is in use. See `archivePatient`.';
comment on type app_public.patient_sex is '@value female Female.
@value male Male.
@value other Neither, or both.
@value unknown Not recorded.
Sex, as it matters for care.';
--! EndIncluded clinical/patients.sql
--! Included audit/patient_access_type.sql
-- One line of the accounting of disclosures; a type, so that the API has a name and a text for each of its fields.
do $$
begin
  if to_regtype('app_public.patient_access') is null then
    create type app_public.patient_access as (
      event_id uuid,
      happened_at timestamptz,
      actor_id uuid,
      actor_name text,
      on_behalf_of uuid,
      clinic_id uuid,
      action text,
      resource_type text,
      resource_id uuid,
      fields text[],
      purpose_of_use text,
      grant_id uuid,
      emergency_reason text
    );
  end if;
end
$$;
--! EndIncluded audit/patient_access_type.sql
--! Included audit/patient_access_report.sql
set local role app_definer;

-- Whether the caller may have the accounting of a patient's disclosures (45 CFR 164.528): the patient, the organization's
-- owners and admins, and the administrators of the home clinic. A definer function, because it looks the patient up before
-- it knows.
create or replace function app_hidden.can_account_for_patient(patient_id uuid) returns boolean as $$
  select exists (
    select
    from app_public.patients p
    where p.id = can_account_for_patient.patient_id
    and (
      p.id = any (array(select app_hidden.my_patient_ids()))
      or p.organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
      or p.home_clinic_id = any (array(select app_hidden.administered_clinic_ids()))
    )
  );
$$ language sql stable security definer set search_path to '';

-- What is on record of a patient: what was read and changed, emergency accesses, and what clinics showed to each other.
-- A definer function, because no role of a request reads others' events; it asks the function above first. What was refused is
-- no disclosure. Events from before they named patients are found by the patient's own row only.
create or replace function app_hidden.patient_accesses(patient_id uuid, since timestamptz, until timestamptz)
returns setof app_public.patient_access as $$
declare
  v_patient_id uuid := patient_accesses.patient_id;
  v_organization_id uuid;
begin
  if not app_hidden.can_account_for_patient(v_patient_id) then
    raise exception 'There is no such patient.' using errcode = 'NTFND';
  end if;
  select p.organization_id into v_organization_id from app_public.patients p where p.id = v_patient_id;
  return query
    select e.id, e.occurred_at, e.actor_id, p.display_name, e.on_behalf_of, e.clinic_id,
      case e.command when 'SELECT' then 'read' else lower(e.command) end,
      e.table_name, e.row_id, e.changed_fields, e.purpose_of_use,
      case when e.table_name = 'app_public.break_glass_grants' then e.row_id else e.grant_id end, null::text
    from app_audit.events e
    left join app_public.profiles p on p.user_id = e.actor_id
    where e.organization_id = v_organization_id
    and e.occurred_at >= patient_accesses.since and e.occurred_at < patient_accesses.until
    and e.outcome = 'ok'
    and e.id = any (array(
      select o.id
      from app_audit.events o
      where o.patient_ids @> array[v_patient_id] and o.patient_ids <> '{}'
      union all
      select o.id
      from app_audit.events o
      where o.row_id = v_patient_id and o.table_name = 'app_public.patients' and o.patient_ids = '{}'
      union all
      -- A share names the session, and the session's own events name the patient.
      select o.id
      from app_audit.events o
      where o.organization_id = v_organization_id
      and o.occurred_at >= patient_accesses.since and o.occurred_at < patient_accesses.until
      and o.table_name = 'app_public.resource_shares'
      and coalesce(o.changes -> 'new', o.changes -> 'old') ->> 'care_session_id' = any (array(
        select s.row_id::text
        from app_audit.events s
        where s.patient_ids @> array[v_patient_id] and s.patient_ids <> '{}'
        and s.table_name = 'app_public.care_sessions'
      ))
    ));
end;
$$ language plpgsql stable security definer set search_path to '';

grant execute on function
  app_hidden.can_account_for_patient(uuid),
  app_hidden.patient_accesses(uuid, timestamptz, timestamptz)
to app_user;

reset role;

-- Invoker: why somebody opened the record in an emergency is said by the policies of break_glass_grants.
create or replace function app_public.patient_access_report(patient_id uuid, "from" timestamptz, "to" timestamptz)
returns setof app_public.patient_access as $$
begin
  if "from" >= "to" then
    raise exception 'The period has to begin before it ends.' using errcode = 'BADIN';
  end if;
  return query
    select a.event_id, a.happened_at, a.actor_id, a.actor_name, a.on_behalf_of, a.clinic_id, a.action, a.resource_type,
      a.resource_id, a.fields, a.purpose_of_use, a.grant_id, g.reason
    from app_hidden.patient_accesses(patient_access_report.patient_id, "from", "to") a
    left join app_public.break_glass_grants g on g.id = a.grant_id
    order by a.happened_at desc, a.event_id desc;
end;
$$ language plpgsql stable strict rows 100 set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_public.patient_access_report(uuid, timestamptz, timestamptz) to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.patient_access_report(uuid, timestamptz, timestamptz) is '@sensitivity audit
@argument patient_id The patient.
@argument from The first moment of the period.
@argument to The moment after its last one.
Who has seen or changed what of a patient, when and why, newest first: for the patient, and for the administrators of the home clinic and the organization.';
comment on type app_public.patient_access is E'@sensitivity audit\nThat somebody saw or changed something of a patient.';
comment on column app_public.patient_access.event_id is 'The event on record.';
comment on column app_public.patient_access.happened_at is 'When, by the database’s clock.';
comment on column app_public.patient_access.actor_id is 'Who; null for work of the system.';
comment on column app_public.patient_access.actor_name is 'The name by which the organization knows who it was.';
comment on column app_public.patient_access.on_behalf_of is 'In whose name, where it was not the actor’s own.';
comment on column app_public.patient_access.clinic_id is 'The clinic of the record.';
comment on column app_public.patient_access.action is 'What was done: read, insert, update or delete.';
comment on column app_public.patient_access.resource_type is
  'The kind of record; `app_public.break_glass_grants` for an emergency access, `app_public.resource_shares` for a record shown to another clinic.';
comment on column app_public.patient_access.resource_id is 'The record; null where several were read at once.';
comment on column app_public.patient_access.fields is 'The fields that were read or changed, by name.';
comment on column app_public.patient_access.purpose_of_use is 'What it was for, where that was said.';
comment on column app_public.patient_access.grant_id is 'The emergency access that was open.';
comment on column app_public.patient_access.emergency_reason is 'Why the record was opened in an emergency.';
--! EndIncluded audit/patient_access_report.sql
--! Included audit/record_history.sql
set local role app_definer;

-- The changes of one record: all of them for the administrators of its organization or clinic, what they did themselves for
-- others. A definer function, because the administrators of a clinic have no way into the trail but by its records.
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
    or e.organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
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
--! Included audit/record_as_of.sql
set local role app_definer;

-- What the plain columns of a record were at a time, for the administrators of its organization or clinic: the present values, with each
-- later change undone. Exact, or an error: where a change is on record without its values, before the record was made, and
-- where events of that time have been removed. A definer function, because nobody else reads values of the trail.
-- `present` is the record as the caller sees it; only columns whose values the audit keeps are taken from it.
create or replace function app_hidden.record_as_of(
  table_name text,
  present jsonb,
  organization_id uuid,
  at timestamptz
) returns jsonb as $$
declare
  v_is_administrator boolean;
  v_clinic_ids uuid[] := array(select app_hidden.administered_clinic_ids());
  v_plain text[];
  v_event record;
  v_field text;
  v_record jsonb;
begin
  v_is_administrator :=
    record_as_of.organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')));
  if not v_is_administrator
    and (record_as_of.present ->> 'clinic_id')::uuid = any (v_clinic_ids) is not true
  then
    raise exception 'What a record was is shown to its administrators.' using errcode = 'DENYD';
  end if;
  if record_as_of.at > clock_timestamp() then
    raise exception 'The time lies ahead.' using errcode = 'BADIN';
  end if;
  if exists (select from app_audit.tombstones t where t.covers_until > record_as_of.at) then
    raise exception 'Changes since then are not on record any more.' using errcode = 'NTFND';
  end if;
  select s.plain into v_plain from app_audit.column_sensitivities s where s.table_name = record_as_of.table_name;
  select jsonb_object_agg(f.key, f.value) into v_record
  from jsonb_each(record_as_of.present) as f
  where f.key = any (v_plain);
  for v_event in
    select e.command, e.changed_fields, e.changes, e.clinic_id
    from app_audit.events e
    where e.row_id = (record_as_of.present ->> 'id')::uuid
    and e.table_name = record_as_of.table_name
    and e.organization_id = record_as_of.organization_id
    and e.occurred_at > record_as_of.at
    and e.command in ('INSERT', 'UPDATE')
    order by e.occurred_at desc, e.id desc
  loop
    if not v_is_administrator and v_event.clinic_id = any (v_clinic_ids) is not true then
      raise exception 'The record belonged to another clinic since then.' using errcode = 'DENYD';
    end if;
    if v_event.command = 'INSERT' then
      raise exception 'The record did not exist then.' using errcode = 'NTFND';
    end if;
    foreach v_field in array v_event.changed_fields loop
      continue when not v_field = any (v_plain);
      if not coalesce(v_event.changes -> 'old' ? v_field, false) then
        raise exception 'The field % was changed since then, and what it was is not on record.', v_field
          using errcode = 'NTFND';
      end if;
      v_record := jsonb_set(v_record, array[v_field], v_event.changes -> 'old' -> v_field);
    end loop;
  end loop;
  if (record_as_of.present ->> 'created_at')::timestamptz > record_as_of.at then
    raise exception 'The record did not exist then.' using errcode = 'NTFND';
  end if;
  return v_record;
end;
$$ language plpgsql stable strict security definer set search_path to '';

grant execute on function app_hidden.record_as_of(text, jsonb, uuid, timestamptz) to app_user;

reset role;

-- Gives the records of a table the field `asOf`.
create or replace function app_private.offer_as_of(target regclass, organization_column text = 'organization_id')
returns void as $$
declare
  v_name text;
begin
  select c.relname into v_name from pg_catalog.pg_class c where c.oid = offer_as_of.target;
  execute format(
    $f$
    create or replace function app_public.%1$I(record app_public.%2$I, at timestamptz) returns jsonb as $b$
      select app_hidden.record_as_of(%3$L, to_jsonb(record), (record).%4$I, at);
    $b$ language sql stable strict set search_path to '';
    grant execute on function app_public.%1$I(app_public.%2$I, timestamptz) to app_user;
    comment on function app_public.%1$I(app_public.%2$I, timestamptz) is %5$L
    $f$,
    v_name || '_as_of',
    v_name,
    'app_public.' || v_name,
    offer_as_of.organization_column,
    E'@sensitivity audit\n@argument at The moment.\nWhat the record was then, by column: ids, times, numbers and states, and no text and no health data. Exact, or an error. For the administrators of the organization or the clinic.'
  );
end;
$$ language plpgsql volatile set search_path to '';

select app_private.offer_as_of('app_public.appointments');
select app_private.offer_as_of('app_public.care_sessions');
select app_private.offer_as_of('app_public.clinic_memberships');
select app_private.offer_as_of('app_public.organization_memberships');
--! EndIncluded audit/record_as_of.sql
