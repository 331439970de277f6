--! Previous: sha1:6cc4234f3f4b499d154c1e212af42fd52300ef3c
--! Hash: sha1:594c3906f716890950726a06d8b1b39701dd2175
--! Message: review-reminders

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 62-review-reminders.sql
-- Whoever has to review an emergency access is told of it, and reminded.
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

-- The job that tells the reviewers (access/notify_reviewers.sql): who waits for a review, not why.
create policy select_worker on app_public.break_glass_grants
  for select to app_worker
  using (organization_id = (select app_hidden.current_organization_id()));

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
grant select (id, organization_id, home_clinic_id, user_id, reviewed_at, created_at)
on app_public.break_glass_grants to app_worker;
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
  select (id, organization_id, user_id, role, active, created_at, updated_at, created_by, updated_by),
  update (role, active)
on app_public.organization_memberships to app_user;
grant select, insert (organization_id, user_id, role), update (role, active)
on app_public.organization_memberships to app_definer;
grant select (organization_id, user_id, role, active) on app_public.organization_memberships to app_worker;
-- No insert grant: people become members by invitation. No delete grant: a membership that ends becomes inactive, so that
-- what the person did stays attributable.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.organization_memberships');

-- Documentation ---------------------------------------------------------------

comment on table app_public.organization_memberships is
  'That a person belongs to an organization, and as what. Everybody sees their own; owners and admins see all.';
comment on column app_public.organization_memberships.id is 'The membership’s id.';
comment on column app_public.organization_memberships.organization_id is 'The organization.';
comment on column app_public.organization_memberships.user_id is 'The person.';
comment on column app_public.organization_memberships.role is 'What the person is there.';
comment on column app_public.organization_memberships.active is
  'Whether it counts. Access ends with the next statement after this turns false.';
comment on column app_public.organization_memberships.created_at is 'When the person joined.';
comment on column app_public.organization_memberships.updated_at is 'When the membership last changed.';
comment on column app_public.organization_memberships.created_by is 'Who made it.';
comment on column app_public.organization_memberships.updated_by is 'Who changed it last.';
--! EndIncluded tenancy/organization_memberships.sql
--! Included access/notify_reviewers.sql
set local role app_definer;

-- When somebody has opened a record in an emergency, a job tells those who have to look at it. Imports tell nobody.
create or replace function app_private.tg_break_glass_grants__enqueue() returns trigger as $$
begin
  if app_private.acting_role() = 'app_data' then
    return null;
  end if;
  perform app_private.add_job('break_glass__notify', jsonb_build_object('organizationId', n.organization_id))
  from (select distinct r.organization_id from new_rows r) as n;
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '';

-- What the schedule calls: each organization's job reminds of what still waits. Definer, because a worker adds no jobs.
create or replace function app_hidden.enqueue_review_reminders() returns int as $$
  select app_private.add_job_for_each_organization('break_glass__notify');
$$ language sql volatile security definer set search_path to '';

grant execute on function app_private.tg_break_glass_grants__enqueue() to app_owner;
grant execute on function app_hidden.enqueue_review_reminders() to app_worker;

reset role;

create or replace trigger _900_enqueue_insert
  after insert on app_public.break_glass_grants
  referencing new table as new_rows
  for each statement
  execute function app_private.tg_break_glass_grants__enqueue();
--! EndIncluded access/notify_reviewers.sql
