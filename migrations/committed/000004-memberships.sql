--! Previous: sha1:5561709321f441f8edecbd34541a4192cad27a50
--! Hash: sha1:139bb3449894a6c1cb4011ba703f21c383dcfcd0
--! Message: memberships

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 035-memberships.sql
-- Clinics, and who belongs where; the tables are in the migration before.

--! Included tenancy/opening_hours.sql
-- The opening hours of one ISO weekday as a range of times since midnight; null where the clinic is closed that day.
create or replace function app_hidden.opening_hours_on(opening_hours jsonb, weekday integer) returns int4range as $$
  select int4range(
    (extract(epoch from (h.day ->> 0)::time) / 60)::integer,
    (extract(epoch from (h.day ->> 1)::time) / 60)::integer
  )
  from (select opening_hours_on.opening_hours -> opening_hours_on.weekday::text as day) as h
  where h.day is not null;
$$ language sql stable parallel safe set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_hidden.opening_hours_on(jsonb, integer) to app_user, app_data;
--! EndIncluded tenancy/opening_hours.sql
--! Included tenancy/clinics.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.clinics');
select app_private.allow_data_role('app_public.clinics');

create policy tenant_boundary on app_public.clinics
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

-- The second branch asks the row itself: a helper cannot yet see the clinic that is being created.
create policy select_mine on app_public.clinics
  for select to app_user
  using (
    id = any (array(select app_hidden.my_clinic_ids()))
    or organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
    and (id = (select app_hidden.current_clinic_id())) is not false
  );

create policy insert_administrator on app_public.clinics
  for insert to app_user
  with check (organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}'))));

create policy update_administrator on app_public.clinics
  for update to app_user
  using (id = any (array(select app_hidden.administered_clinic_ids())))
  with check (id = any (array(select app_hidden.administered_clinic_ids())));

create policy select_definer on app_public.clinics
  for select to app_definer
  using (true);

create policy select_worker on app_public.clinics
  for select to app_worker
  using (organization_id = (select app_hidden.current_organization_id()));

grant
  select (
    id, organization_id, name, timezone, locale, opening_hours, active, external_id, created_at, updated_at, created_by,
    updated_by
  ),
  insert (organization_id, name, timezone, locale, opening_hours),
  update (name, timezone, locale, opening_hours, active)
on app_public.clinics to app_user;
grant select on app_public.clinics to app_definer;
grant select (id, organization_id, name, timezone, locale, active) on app_public.clinics to app_worker;
-- No delete grant: a clinic that closes is made inactive, its records stay.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.clinics');

-- A time zone or hours that Postgres cannot read would fail later, in somebody else's booking.
create or replace function app_private.tg_clinics__check_hours() returns trigger as $$
begin
  perform now() at time zone NEW.timezone;
  if NEW.opening_hours is not null then
    perform app_hidden.opening_hours_on(NEW.opening_hours, weekday) from generate_series(1, 7) as weekday;
    if jsonb_typeof(NEW.opening_hours) <> 'object' or exists (
      select from jsonb_object_keys(NEW.opening_hours) as k where k !~ '^[1-7]$'
    ) then
      raise exception using errcode = '22023';
    end if;
  end if;
  return NEW;
exception
  when data_exception then
    raise exception
      'Time zones are IANA names; opening hours are an object of ISO weekdays (1 is Monday), each ["09:00", "17:00"].'
      using errcode = 'BADIN';
end;
$$ language plpgsql volatile set search_path to '';

create or replace trigger _300_check_hours
  before insert or update of timezone, opening_hours on app_public.clinics
  for each row
  execute function app_private.tg_clinics__check_hours();

-- Documentation ---------------------------------------------------------------

comment on table app_public.clinics is 'A place of care, run by one organization.';
comment on column app_public.clinics.id is 'The clinic’s id; send it as `X-Clinic-Id` to narrow a request to it.';
comment on column app_public.clinics.organization_id is 'The organization that runs it.';
comment on column app_public.clinics.name is 'What people call it. Unique within the organization.';
comment on column app_public.clinics.timezone is 'IANA time zone of its opening hours and reports.';
comment on column app_public.clinics.locale is 'Language and region of its letters.';
comment on column app_public.clinics.opening_hours is
  'By ISO weekday (1 is Monday), from when until when: {"1": ["09:00", "17:00"]}. Null: appointments at any time.';
comment on column app_public.clinics.active is 'Whether it is open. A closed clinic’s records are out of reach for its members.';
comment on column app_public.clinics.external_id is 'Its id in the system it was imported from.';
comment on column app_public.clinics.created_at is 'When it was created.';
comment on column app_public.clinics.updated_at is 'When it last changed.';
comment on column app_public.clinics.created_by is 'Who created it.';
comment on column app_public.clinics.updated_by is 'Who changed it last.';
comment on type app_public.clinic_role is '@value clinic_admin Runs the clinic and its people.
@value provider Sees patients.
@value staff Books appointments and keeps patients’ details.
@value viewer Reads, and changes nothing.
What a person is in a clinic: a clinic admin runs it, providers treat, staff organize, viewers only read.';
--! EndIncluded tenancy/clinics.sql
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

-- The helpers look up the caller's own memberships and nobody else's; seats are counted over everybody of one organization.
create policy select_definer on app_public.organization_memberships
  for select to app_definer
  using (user_id = (select auth.uid()) or organization_id = (select app_hidden.seat_scope()));

-- create_organization() and accept_invitation() make the caller a member.
create policy insert_definer on app_public.organization_memberships
  for insert to app_definer
  with check (user_id = (select auth.uid()));
create policy update_definer on app_public.organization_memberships
  for update to app_definer
  using (user_id = (select auth.uid()))
  with check (user_id = (select auth.uid()));

grant
  select (id, organization_id, user_id, role, active, created_at, updated_at, created_by, updated_by),
  update (role, active)
on app_public.organization_memberships to app_user;
grant select, insert (organization_id, user_id, role), update (role, active)
on app_public.organization_memberships to app_definer;
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
--! Included tenancy/clinic_memberships.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.clinic_memberships');
select app_private.allow_data_role('app_public.clinic_memberships');

create policy tenant_boundary on app_public.clinic_memberships
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

-- Everybody of a clinic, its patients included, knows who works there.
create policy select_clinic on app_public.clinic_memberships
  for select to app_user
  using (
    clinic_id = any (array(select app_hidden.my_clinic_ids()))
    or user_id = (select app_hidden.current_user_id())
  );

-- Nobody brings themselves into a clinic's records, except the owner of a practice, who answers for it anyway.
create policy insert_administrator on app_public.clinic_memberships
  for insert to app_user
  with check (
    clinic_id = any (array(select app_hidden.administered_clinic_ids()))
    and (
      user_id <> (select app_hidden.current_user_id())
      or organization_id = any (array(select app_hidden.organization_ids_with_role('{owner}')))
    )
  );

create policy update_administrator on app_public.clinic_memberships
  for update to app_user
  using (
    clinic_id = any (array(select app_hidden.administered_clinic_ids()))
    and (
      user_id <> (select app_hidden.current_user_id())
      or organization_id = any (array(select app_hidden.organization_ids_with_role('{owner}')))
    )
  )
  with check (
    clinic_id = any (array(select app_hidden.administered_clinic_ids()))
    and (
      user_id <> (select app_hidden.current_user_id())
      or organization_id = any (array(select app_hidden.organization_ids_with_role('{owner}')))
    )
  );

-- The helpers look up the caller's own memberships; accept_invitation() makes the caller a member.
create policy select_definer on app_public.clinic_memberships
  for select to app_definer
  using (user_id = (select auth.uid()));
create policy insert_definer on app_public.clinic_memberships
  for insert to app_definer
  with check (user_id = (select auth.uid()));
create policy update_definer on app_public.clinic_memberships
  for update to app_definer
  using (user_id = (select auth.uid()))
  with check (user_id = (select auth.uid()));

create policy select_worker on app_public.clinic_memberships
  for select to app_worker
  using (organization_id = (select app_hidden.current_organization_id()));

grant
  select (
    id, organization_id, clinic_id, user_id, role, display_name, speciality, active, created_at, updated_at, created_by,
    updated_by
  ),
  insert (organization_id, clinic_id, user_id, role, display_name, speciality),
  update (role, display_name, speciality, active)
on app_public.clinic_memberships to app_user;
grant select, insert (organization_id, clinic_id, user_id, role, display_name), update (role, active)
on app_public.clinic_memberships to app_definer;
grant select (id, organization_id, clinic_id, user_id, role, active) on app_public.clinic_memberships to app_worker;
-- No delete grant: what the person did there stays attributable; the membership becomes inactive.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.clinic_memberships');

-- Documentation ---------------------------------------------------------------

comment on table app_public.clinic_memberships is
  'That a person works in a clinic, and as what. This, and nothing else, opens the clinic’s records to them.';
comment on column app_public.clinic_memberships.id is 'The membership’s id.';
comment on column app_public.clinic_memberships.organization_id is 'The organization that runs the clinic.';
comment on column app_public.clinic_memberships.clinic_id is 'The clinic.';
comment on column app_public.clinic_memberships.user_id is 'The person.';
comment on column app_public.clinic_memberships.role is 'What the person is there.';
comment on column app_public.clinic_memberships.display_name is 'The name colleagues and patients know the person by here.';
comment on column app_public.clinic_memberships.speciality is 'What the person practises, for providers.';
comment on column app_public.clinic_memberships.active is
  'Whether it counts. Access ends with the next statement after this turns false.';
comment on column app_public.clinic_memberships.created_at is 'When the person joined.';
comment on column app_public.clinic_memberships.updated_at is 'When the membership last changed.';
comment on column app_public.clinic_memberships.created_by is 'Who made it.';
comment on column app_public.clinic_memberships.updated_by is 'Who changed it last.';
--! EndIncluded tenancy/clinic_memberships.sql
--! Included tenancy/invitations.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.invitations');

create policy tenant_boundary on app_public.invitations
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

create policy select_administrator on app_public.invitations
  for select to app_user
  using (organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}'))));

-- Only an owner invites an owner, and nobody invites themselves (accept_invitation() refuses it, too).
create policy insert_administrator on app_public.invitations
  for insert to app_user
  with check (
    email is distinct from (select u.email from app_public.users u where u.id = (select app_hidden.current_user_id()))
    and (
      organization_id = any (array(select app_hidden.organization_ids_with_role('{owner}')))
      or organization_role <> 'owner'
      and organization_id = any (array(select app_hidden.organization_ids_with_role('{admin}')))
    )
  );

-- Taking an invitation back is for ever: an admin could otherwise bring back one that only an owner may make.
create policy update_administrator on app_public.invitations
  for update to app_user
  using (
    revoked_at is null
    and accepted_at is null
    and organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
  )
  with check (
    revoked_at is not null
    and organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
  );

-- accept_invitation() looks a code up before it is known whose it is, and marks it as used by the caller.
create policy select_definer on app_public.invitations
  for select to app_definer
  using (true);
create policy update_definer on app_public.invitations
  for update to app_definer
  using (true)
  with check (accepted_by = (select auth.uid()));

grant
  select (
    id, organization_id, clinic_id, email, organization_role, clinic_role, expires_at, accepted_at, accepted_by,
    revoked_at, created_at, updated_at, created_by, updated_by
  ),
  insert (organization_id, clinic_id, email, organization_role, clinic_role, code_hash, expires_at),
  update (revoked_at)
on app_public.invitations to app_user;
grant select, update (accepted_at, accepted_by) on app_public.invitations to app_definer;
-- The hash of the code is written and never read by a request.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.invitations');

-- Documentation ---------------------------------------------------------------

comment on table app_public.invitations is
  E'@behavior -insert\nAn offer to join an organization, and perhaps a clinic. Made by `inviteMember`, taken by `acceptInvitation`.';
comment on column app_public.invitations.id is 'The invitation’s id.';
comment on column app_public.invitations.organization_id is 'The organization that invites.';
comment on column app_public.invitations.clinic_id is 'The clinic that the person will work in, if any.';
comment on column app_public.invitations.email is 'The address the invitation is for; only its owner can accept.';
comment on column app_public.invitations.organization_role is 'What the person will be in the organization.';
comment on column app_public.invitations.clinic_role is 'What the person will be in the clinic.';
comment on column app_public.invitations.code_hash is E'@behavior -insert -select\nSHA-256 of the code.';
comment on column app_public.invitations.expires_at is 'Until when it can be accepted.';
comment on column app_public.invitations.accepted_at is 'When it was accepted.';
comment on column app_public.invitations.accepted_by is 'Who accepted it.';
comment on column app_public.invitations.revoked_at is 'When it was taken back.';
comment on column app_public.invitations.created_at is 'When it was made.';
comment on column app_public.invitations.updated_at is 'When it last changed.';
comment on column app_public.invitations.created_by is 'Who made it.';
comment on column app_public.invitations.updated_by is 'Who changed it last.';
--! EndIncluded tenancy/invitations.sql
