--! Previous: sha1:16818e314fbc3623f7fb8873a80e91226173c7e3
--! Hash: sha1:e648392ad4ae86f73a86075e072df02ade4122b1
--! Message: clinical

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 050-clinical.sql
do $$
begin
  if to_regtype('app_public.patient_sex') is null then
    create type app_public.patient_sex as enum ('female', 'male', 'other', 'unknown');
  end if;
  if to_regtype('app_public.patient_link_access') is null then
    create type app_public.patient_link_access as enum ('demographics', 'full_record');
  end if;
end
$$;

create table if not exists app_public.patients (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null default app_hidden.default_organization_id()
    references app_public.organizations on delete restrict,
  home_clinic_id uuid not null default app_hidden.default_clinic_id(),
  mrn text not null,
  given_name text not null,
  family_name text not null,
  birth_date date not null,
  death_date date,
  sex app_public.patient_sex not null default 'unknown',
  phone text,
  email text,
  address text,
  city text,
  region text,
  postal_code text,
  portal_user_id uuid references app_public.users on delete set null,
  external_id text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  deleted_at timestamptz,
  unique (organization_id, id),
  unique (organization_id, mrn),
  unique (organization_id, external_id),
  unique (organization_id, id, home_clinic_id),
  foreign key (organization_id, home_clinic_id) references app_public.clinics (organization_id, id) on delete restrict,
  constraint patients_mrn_is_short check (length(mrn) between 1 and 64),
  constraint patients_names_are_short check (length(given_name) <= 200 and length(family_name) between 1 and 200),
  constraint patients_died_after_birth check (death_date >= birth_date)
);
create index if not exists patients_organization_id_name_idx
  on app_public.patients (organization_id, family_name, given_name, id);
create index if not exists patients_organization_id_home_clinic_id_idx
  on app_public.patients (organization_id, home_clinic_id);
create index if not exists patients_organization_id_birth_date_idx
  on app_public.patients (organization_id, birth_date, id);
create index if not exists patients_portal_user_id_idx
  on app_public.patients (portal_user_id) where portal_user_id is not null;

create table if not exists app_public.patient_clinic_links (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null default app_hidden.default_organization_id(),
  clinic_id uuid not null,
  patient_id uuid not null,
  home_clinic_id uuid not null,
  access app_public.patient_link_access not null default 'demographics',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  unique (organization_id, clinic_id, patient_id),
  foreign key (organization_id, clinic_id) references app_public.clinics (organization_id, id) on delete restrict,
  -- Holds the copy of the home clinic to the patient's own, so that policies need not look the patient up.
  foreign key (organization_id, patient_id, home_clinic_id)
    references app_public.patients (organization_id, id, home_clinic_id) on delete restrict,
  constraint patient_clinic_links_goes_elsewhere check (clinic_id <> home_clinic_id)
);
create index if not exists patient_clinic_links_organization_id_patient_id_idx
  on app_public.patient_clinic_links (organization_id, patient_id, home_clinic_id);
create index if not exists patient_clinic_links_organization_id_home_clinic_id_idx
  on app_public.patient_clinic_links (organization_id, home_clinic_id);

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

-- Patients to whom the person has broken the glass, and whose grant still runs: it ends by this predicate, not by a job.
-- plpgsql: the table of grants refers to patients and comes after them.
create or replace function app_hidden.break_glass_patient_ids() returns setof uuid as $$
begin
  return query
    select g.patient_id
    from app_public.break_glass_grants g
    where g.user_id = (select app_hidden.current_user_id())
    and g.expires_at > now()
    and g.revoked_at is null;
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
--! Included clinical/patient_clinic_links.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.patient_clinic_links');
select app_private.allow_data_role('app_public.patient_clinic_links');

create policy tenant_boundary on app_public.patient_clinic_links
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

create policy select_clinic on app_public.patient_clinic_links
  for select to app_user
  using (
    clinic_id = any (array(select app_hidden.readable_clinic_ids()))
    or home_clinic_id = any (array(select app_hidden.readable_clinic_ids()))
    or patient_id = any (array(select app_hidden.my_patient_ids()))
  );

-- Sharing gives away: only who treats patients in the home clinic may, and a foreign key holds what the home clinic is.
create policy insert_home_provider on app_public.patient_clinic_links
  for insert to app_user
  with check (home_clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))));

create policy update_home_provider on app_public.patient_clinic_links
  for update to app_user
  using (home_clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))))
  with check (home_clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))));

create policy delete_home_provider on app_public.patient_clinic_links
  for delete to app_user
  using (home_clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))));

grant
  select (
    id, organization_id, clinic_id, patient_id, home_clinic_id, access, created_at, updated_at, created_by, updated_by
  ),
  insert (organization_id, clinic_id, patient_id, home_clinic_id, access),
  update (access),
  delete
on app_public.patient_clinic_links to app_user;

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.patient_clinic_links');
select app_private.audit_changes('app_public.patient_clinic_links');

-- Documentation ---------------------------------------------------------------

comment on table app_public.patient_clinic_links is
  E'@behavior -insert -update -delete\nThat a patient’s home clinic shares them with another clinic of the organization, and how far.';
comment on column app_public.patient_clinic_links.id is 'The link’s id.';
comment on column app_public.patient_clinic_links.organization_id is 'The organization of both clinics.';
comment on column app_public.patient_clinic_links.clinic_id is 'The clinic that the patient is shared with.';
comment on column app_public.patient_clinic_links.patient_id is 'The patient.';
comment on column app_public.patient_clinic_links.home_clinic_id is 'The clinic that shares: the patient’s own.';
comment on column app_public.patient_clinic_links.access is 'How far the clinic sees.';
comment on column app_public.patient_clinic_links.created_at is 'When sharing began.';
comment on column app_public.patient_clinic_links.updated_at is 'When the link last changed.';
comment on column app_public.patient_clinic_links.created_by is 'Who shared the patient.';
comment on column app_public.patient_clinic_links.updated_by is 'Who changed the link last.';
comment on type app_public.patient_link_access is '@value demographics Name, dates and contacts.
@value full_record Appointments and care sessions as well.
How far a shared patient is seen: who they are, or the appointments and sessions of every clinic too.';
--! EndIncluded clinical/patient_clinic_links.sql
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
-- memberships in the subquery are the caller's own: app_definer sees no others.
create policy select_definer on app_public.patients
  for select to app_definer
  using (
    portal_user_id = (select auth.uid())
    or organization_id in (select m.organization_id from app_public.clinic_memberships m where m.active)
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
--! Included clinical/patient_fields.sql
-- Fields a client would otherwise compute each in its own way.

create or replace function app_public.patients_full_name(patient app_public.patients) returns text as $$
  select trim(patient.given_name || ' ' || patient.family_name);
$$ language sql stable parallel safe set search_path to '';

-- In whole years, today or at death.
create or replace function app_public.patients_age(patient app_public.patients) returns integer as $$
  select extract(year from age(coalesce(patient.death_date, current_date), patient.birth_date))::integer;
$$ language sql stable parallel safe set search_path to '';

-- Whether the caller may change the record, so that a frontend need not guess from roles.
create or replace function app_public.patients_viewer_can_update(patient app_public.patients) returns boolean as $$
  select patient.home_clinic_id = any (
    array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider,staff}'))
  );
$$ language sql stable parallel safe set search_path to '';

create or replace function app_public.patients_viewer_can_share(patient app_public.patients) returns boolean as $$
  select patient.home_clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}')));
$$ language sql stable parallel safe set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_public.patients_full_name(app_public.patients),
  app_public.patients_age(app_public.patients),
  app_public.patients_viewer_can_update(app_public.patients),
  app_public.patients_viewer_can_share(app_public.patients)
to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.patients_full_name(app_public.patients) is
  E'@sensitivity phi\nGiven name and family name.';
comment on function app_public.patients_age(app_public.patients) is
  E'@sensitivity phi\nAge in whole years, today or at death.';
comment on function app_public.patients_viewer_can_update(app_public.patients) is
  'Whether the caller may change the record.';
comment on function app_public.patients_viewer_can_share(app_public.patients) is
  'Whether the caller may share the patient with another clinic.';
--! EndIncluded clinical/patient_fields.sql
--! Included clinical/link_patient_to_clinic.sql
-- Invoker: the policies of patient_clinic_links decide who may share whom. A patient the caller cannot see is not there.

create or replace function app_public.link_patient_to_clinic(
  patient_id uuid,
  clinic_id uuid,
  access app_public.patient_link_access = 'demographics'
) returns app_public.patient_clinic_links as $$
declare
  v_patient app_public.patients;
  v_link app_public.patient_clinic_links;
begin
  select * into v_patient from app_public.patients p where p.id = link_patient_to_clinic.patient_id;
  if v_patient.id is null then
    raise exception 'There is no such patient.' using errcode = 'NTFND';
  end if;
  if v_patient.home_clinic_id = link_patient_to_clinic.clinic_id then
    raise exception 'The patient is at home in this clinic.' using errcode = 'BADIN';
  end if;
  insert into app_public.patient_clinic_links (organization_id, clinic_id, patient_id, home_clinic_id, access)
  values (
    v_patient.organization_id,
    link_patient_to_clinic.clinic_id,
    v_patient.id,
    v_patient.home_clinic_id,
    link_patient_to_clinic.access
  )
  on conflict on constraint patient_clinic_links_organization_id_clinic_id_patient_id_key
  do update set access = excluded.access
  returning * into v_link;
  return v_link;
end;
$$ language plpgsql volatile strict set search_path to '';

create or replace function app_public.unlink_patient_from_clinic(patient_id uuid, clinic_id uuid)
returns app_public.patient_clinic_links as $$
declare
  v_link app_public.patient_clinic_links;
begin
  delete from app_public.patient_clinic_links l
  where l.patient_id = unlink_patient_from_clinic.patient_id
  and l.clinic_id = unlink_patient_from_clinic.clinic_id
  returning * into v_link;
  if v_link.id is null then
    raise exception 'The patient is not shared with this clinic.' using errcode = 'NTFND';
  end if;
  return v_link;
end;
$$ language plpgsql volatile strict set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_public.link_patient_to_clinic(uuid, uuid, app_public.patient_link_access),
  app_public.unlink_patient_from_clinic(uuid, uuid)
to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.link_patient_to_clinic(uuid, uuid, app_public.patient_link_access) is '@argument access What the other clinic sees.
Shares a patient with another clinic of the same organization. For providers and admins of the patient’s home clinic.';
comment on function app_public.unlink_patient_from_clinic(uuid, uuid) is
  'Stops sharing a patient with a clinic.';
--! EndIncluded clinical/link_patient_to_clinic.sql
--! Included clinical/archive_patient.sql
create or replace function app_public.archive_patient(patient_id uuid) returns app_public.patients as $$
declare
  v_patient app_public.patients;
begin
  update app_public.patients p
  set deleted_at = coalesce(p.deleted_at, now())
  where p.id = archive_patient.patient_id
  returning * into v_patient;
  if v_patient.id is null then
    raise exception 'There is no such patient.' using errcode = 'NTFND';
  end if;
  return v_patient;
end;
$$ language plpgsql volatile strict set search_path to '';

create or replace function app_public.restore_patient(patient_id uuid) returns app_public.patients as $$
declare
  v_patient app_public.patients;
begin
  update app_public.patients p
  set deleted_at = null
  where p.id = restore_patient.patient_id
  returning * into v_patient;
  if v_patient.id is null then
    raise exception 'There is no such patient.' using errcode = 'NTFND';
  end if;
  return v_patient;
end;
$$ language plpgsql volatile strict set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_public.archive_patient(uuid), app_public.restore_patient(uuid) to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.archive_patient(uuid) is
  'Takes a patient out of the lists. The record stays, and `restorePatient` brings it back.';
comment on function app_public.restore_patient(uuid) is 'Brings an archived patient back.';
--! EndIncluded clinical/archive_patient.sql
