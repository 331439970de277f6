--! Previous: sha1:66c28623ab92947fd63473e6cb5c968000886f41
--! Hash: sha1:0b93405bb4687c2b37200562ee60f3142d2ae88d
--! Message: access

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 130-access.sql
create table if not exists app_public.break_glass_grants (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null references app_public.organizations on delete restrict,
  patient_id uuid not null,
  home_clinic_id uuid not null,
  user_id uuid not null references app_public.users on delete restrict,
  reason text not null,
  expires_at timestamptz not null,
  revoked_at timestamptz,
  reviewed_at timestamptz,
  reviewed_by uuid references app_public.users on delete restrict,
  review_note text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  unique (organization_id, id),
  foreign key (organization_id, patient_id, home_clinic_id)
    references app_public.patients (organization_id, id, home_clinic_id) on delete restrict,
  constraint break_glass_grants_reason_says_something check (length(trim(reason)) between 10 and 1000),
  constraint break_glass_grants_is_short check (expires_at <= created_at + interval '8 hours'),
  constraint break_glass_grants_review_is_whole check (
    (reviewed_at is null) = (reviewed_by is null) and (review_note is null or reviewed_at is not null)
  ),
  constraint break_glass_grants_reviewed_by_another check (reviewed_by <> user_id)
);
create index if not exists break_glass_grants_organization_id_created_at_idx
  on app_public.break_glass_grants (organization_id, created_at desc, id desc);
create index if not exists break_glass_grants_organization_id_patient_id_idx
  on app_public.break_glass_grants (organization_id, patient_id, home_clinic_id);
create index if not exists break_glass_grants_user_id_expires_at_idx
  on app_public.break_glass_grants (user_id, expires_at);
create index if not exists break_glass_grants_reviewed_by_idx
  on app_public.break_glass_grants (reviewed_by) where reviewed_by is not null;

create table if not exists app_public.resource_shares (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null references app_public.organizations on delete restrict,
  owner_clinic_id uuid not null,
  clinic_id uuid not null,
  care_session_id uuid,
  report_id uuid,
  expires_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  unique (organization_id, id),
  unique (organization_id, clinic_id, care_session_id),
  unique (organization_id, clinic_id, report_id),
  foreign key (organization_id, clinic_id) references app_public.clinics (organization_id, id) on delete restrict,
  -- Holds the owning clinic to the record's own.
  constraint resource_shares_care_session_fkey foreign key (organization_id, owner_clinic_id, care_session_id)
    references app_public.care_sessions (organization_id, clinic_id, id) on delete cascade,
  constraint resource_shares_report_fkey foreign key (organization_id, owner_clinic_id, report_id)
    references app_public.reports (organization_id, clinic_id, id) on delete cascade,
  constraint resource_shares_names_one_resource check (num_nonnulls(care_session_id, report_id) = 1),
  constraint resource_shares_goes_elsewhere check (clinic_id <> owner_clinic_id)
);
create index if not exists resource_shares_organization_id_care_session_id_idx
  on app_public.resource_shares (organization_id, owner_clinic_id, care_session_id);
create index if not exists resource_shares_organization_id_report_id_idx
  on app_public.resource_shares (organization_id, owner_clinic_id, report_id);
create index if not exists resource_shares_clinic_id_idx on app_public.resource_shares (clinic_id);

--! Included access/break_glass_grants.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.break_glass_grants');

create policy tenant_boundary on app_public.break_glass_grants
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

-- Whoever broke the glass, those who must look at it afterwards, and the patient it is about.
create policy select_self_or_reviewer on app_public.break_glass_grants
  for select to app_user
  using (
    user_id = (select app_hidden.current_user_id())
    or home_clinic_id = any (array(select app_hidden.administered_clinic_ids()))
    or patient_id = any (array(select app_hidden.my_patient_ids()))
    or (select app_hidden.is_superadmin())
  );

-- break_glass() asks who may; the row is always the caller's own.
create policy insert_definer on app_public.break_glass_grants
  for insert to app_definer
  with check (user_id = (select auth.uid()));
create policy select_definer on app_public.break_glass_grants
  for select to app_definer
  using (user_id = (select auth.uid()));

-- Nobody reviews themselves (a constraint holds it, too), nobody in another's name, and nothing a second time; a reviewer
-- may also end the access at once.
create policy update_reviewer on app_public.break_glass_grants
  for update to app_user
  using (
    reviewed_at is null
    and home_clinic_id = any (array(select app_hidden.administered_clinic_ids()))
    and user_id <> (select app_hidden.current_user_id())
  )
  with check (
    reviewed_by = (select app_hidden.current_user_id())
    and home_clinic_id = any (array(select app_hidden.administered_clinic_ids()))
    and user_id <> (select app_hidden.current_user_id())
  );

grant
  select (
    id, organization_id, patient_id, home_clinic_id, user_id, reason, expires_at, revoked_at, reviewed_at, reviewed_by,
    review_note, created_at, updated_at, created_by, updated_by
  ),
  update (revoked_at, reviewed_at, reviewed_by, review_note)
on app_public.break_glass_grants to app_user;
grant select, insert (organization_id, patient_id, home_clinic_id, user_id, reason, expires_at)
on app_public.break_glass_grants to app_definer;
-- No insert grant: break_glass() is the one way. No update of expires_at: who needs longer gives a reason again.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.break_glass_grants');
select app_private.audit_changes('app_public.break_glass_grants');

-- Documentation ---------------------------------------------------------------

comment on table app_public.break_glass_grants is
  E'@behavior -insert -update\nThat somebody opened a patient’s record in an emergency, for how long, why, and who looked at it afterwards.';
comment on column app_public.break_glass_grants.id is 'The grant’s id.';
comment on column app_public.break_glass_grants.organization_id is 'The patient’s organization.';
comment on column app_public.break_glass_grants.patient_id is E'@sensitivity phi\nThe patient.';
comment on column app_public.break_glass_grants.home_clinic_id is 'The patient’s home clinic, whose administrators review.';
comment on column app_public.break_glass_grants.user_id is 'Who opened the record.';
comment on column app_public.break_glass_grants.reason is E'@sensitivity phi\nWhy.';
comment on column app_public.break_glass_grants.expires_at is 'When the access ends by itself.';
comment on column app_public.break_glass_grants.revoked_at is 'When a reviewer ended it before that.';
comment on column app_public.break_glass_grants.reviewed_at is 'When it was reviewed; null while it waits.';
comment on column app_public.break_glass_grants.reviewed_by is 'Who reviewed it: never the one who opened the record.';
comment on column app_public.break_glass_grants.review_note is E'@sensitivity phi\nWhat the reviewer found.';
comment on column app_public.break_glass_grants.created_at is 'When the record was opened.';
comment on column app_public.break_glass_grants.updated_at is 'When the grant last changed.';
comment on column app_public.break_glass_grants.created_by is 'Who made the grant.';
comment on column app_public.break_glass_grants.updated_by is 'Who changed the grant last.';
--! EndIncluded access/break_glass_grants.sql
--! Included access/break_glass.sql
set local role app_definer;

-- A definer function, because the caller cannot see the patient yet. Only those who treat patients somewhere in the same
-- organization may, and the organization is theirs to begin with; an unknown number gets the answer of a missing one.
create or replace function app_public.break_glass(mrn text, reason text, minutes integer = 60)
returns app_public.break_glass_grants as $$
declare
  v_user_id uuid := app_hidden.current_user_id();
  v_patient app_public.patients;
  v_grant app_public.break_glass_grants;
begin
  if length(trim(break_glass.reason)) not between 10 and 1000 then
    raise exception 'Say why in 10 to 1000 characters; somebody will review it.' using errcode = 'BADIN';
  end if;
  if break_glass.minutes not between 5 and 480 then
    raise exception 'Access can be opened for 5 to 480 minutes.' using errcode = 'BADIN';
  end if;
  select p.id, p.organization_id, p.home_clinic_id
  into v_patient.id, v_patient.organization_id, v_patient.home_clinic_id
  from app_public.patients p
  join app_public.clinic_memberships m
    on m.organization_id = p.organization_id
    and m.user_id = v_user_id
    and m.clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}')))
  where p.mrn = break_glass.mrn
  order by p.organization_id = app_hidden.current_organization_id() desc nulls last
  limit 1;
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
Opens the record of a patient of the caller’s organization in an emergency, by record number, for some minutes. It is on record, and somebody else must review it.';

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
--! Included access/share_resource.sql
-- Invoker: the policies of resource_shares decide; the composite keys hold the owner to the record's own clinic. What the
-- caller cannot see is not there.

create or replace function app_public.share_care_session(
  care_session_id uuid,
  clinic_id uuid,
  expires_at timestamptz = null
) returns app_public.resource_shares as $$
declare
  v_session app_public.care_sessions;
  v_share app_public.resource_shares;
begin
  select * into v_session from app_public.care_sessions s where s.id = share_care_session.care_session_id;
  if v_session.id is null then
    raise exception 'There is no such care session.' using errcode = 'NTFND';
  end if;
  insert into app_public.resource_shares (organization_id, owner_clinic_id, clinic_id, care_session_id, expires_at)
  values (
    v_session.organization_id,
    v_session.clinic_id,
    share_care_session.clinic_id,
    v_session.id,
    share_care_session.expires_at
  )
  on conflict on constraint resource_shares_organization_id_clinic_id_care_session_id_key
  do update set expires_at = excluded.expires_at
  returning * into v_share;
  return v_share;
end;
$$ language plpgsql volatile set search_path to '';

create or replace function app_public.share_report(
  report_id uuid,
  clinic_id uuid,
  expires_at timestamptz = null
) returns app_public.resource_shares as $$
declare
  v_report app_public.reports;
  v_share app_public.resource_shares;
begin
  select * into v_report from app_public.reports r where r.id = share_report.report_id;
  if v_report.id is null then
    raise exception 'There is no such report.' using errcode = 'NTFND';
  end if;
  insert into app_public.resource_shares (organization_id, owner_clinic_id, clinic_id, report_id, expires_at)
  values (
    v_report.organization_id,
    v_report.clinic_id,
    share_report.clinic_id,
    v_report.id,
    share_report.expires_at
  )
  on conflict on constraint resource_shares_organization_id_clinic_id_report_id_key
  do update set expires_at = excluded.expires_at
  returning * into v_share;
  return v_share;
end;
$$ language plpgsql volatile set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_public.share_care_session(uuid, uuid, timestamptz),
  app_public.share_report(uuid, uuid, timestamptz)
to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.share_care_session(uuid, uuid, timestamptz) is '@argument expires_at Until when it is shown; for good unless given.
Shows one care session to another clinic of the organization. For providers and admins of the clinic it took place in.';
comment on function app_public.share_report(uuid, uuid, timestamptz) is '@argument expires_at Until when it is shown; for good unless given.
Shows one report to another clinic of the organization. For providers and admins of the clinic it belongs to.';
--! EndIncluded access/share_resource.sql
