--! Previous: sha1:caa37e8db73fc70e52fcf39b7bc7a8cfe8d0a75e
--! Hash: sha1:2eb324351e9ded781a894862a7c8234deba53c98
--! Message: retention commands

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 65-retention-commands.sql
-- The operator's commands about how long events are kept.

--! Included audit/retention.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_audit.retention_policies');
select app_private.reset_access('app_audit.legal_holds');

-- The operator's decisions, made outside of the API: no request role has a grant. `npx bailiwick audit hold`, `release` and
-- `keep` make them by the functions of audit/operate_retention.sql.
create policy all_definer on app_audit.retention_policies
  to app_definer
  using (keep_years >= 6)
  with check (keep_years >= 6);
create policy all_definer on app_audit.legal_holds
  to app_definer
  using (organization_id is not null)
  with check (organization_id is not null);
grant select, insert (organization_id, jurisdiction, keep_years), update (jurisdiction, keep_years)
on app_audit.retention_policies to app_definer;
grant select, insert (organization_id, reason), update (released_at) on app_audit.legal_holds to app_definer;
-- No delete grant: a hold that ended stays on record.

select app_private.allow_data_role('app_audit.retention_policies');
select app_private.allow_data_role('app_audit.legal_holds');

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_audit.retention_policies');
select app_private.install_row_triggers('app_audit.legal_holds');
select app_private.audit_changes('app_audit.retention_policies', 'organization_id');
select app_private.audit_changes('app_audit.legal_holds');

-- Documentation ---------------------------------------------------------------

comment on table app_audit.retention_policies is 'For how long an organization’s events are kept: six years at least.';
comment on table app_audit.legal_holds is 'While a hold stands, none of the organization’s events is removed, however old.';
--! EndIncluded audit/retention.sql
--! Included audit/operate_retention.sql
set local role app_definer;

-- Keeps every month in which the organization has events, however old, until the hold is released. Its id; null where there is
-- no such organization.
create or replace function app_audit.hold_events(organization_id uuid, reason text) returns uuid as $$
  insert into app_audit.legal_holds (organization_id, reason)
  select o.id, hold_events.reason
  from app_public.organizations o
  where o.id = hold_events.organization_id
  returning id;
$$ language sql volatile strict security definer set search_path to '';

-- False where there is no such hold, or it has ended.
create or replace function app_audit.release_events(hold_id uuid) returns boolean as $$
begin
  update app_audit.legal_holds h
  set released_at = now()
  where h.id = release_events.hold_id
  and h.released_at is null;
  return found;
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- For how many years an organization's events are kept. False where there is no such organization.
create or replace function app_audit.keep_events(organization_id uuid, jurisdiction text, years integer)
returns boolean as $$
begin
  insert into app_audit.retention_policies as p (organization_id, jurisdiction, keep_years)
  select o.id, keep_events.jurisdiction, keep_events.years
  from app_public.organizations o
  where o.id = keep_events.organization_id
  on conflict on constraint retention_policies_pkey
  do update set jurisdiction = excluded.jurisdiction, keep_years = excluded.keep_years;
  return found;
end;
$$ language plpgsql volatile strict security definer set search_path to '';

-- What was decided: for how long each organization keeps its events, and its holds, those that have ended too.
create or replace function app_audit.list_retention()
returns table (
  organization_id uuid, jurisdiction text, keep_years integer, hold_id uuid, reason text, held_since timestamptz,
  released_at timestamptz
) as $$
  select p.organization_id, p.jurisdiction, p.keep_years, null::uuid, null::text, null::timestamptz, null::timestamptz
  from app_audit.retention_policies p
  union all
  select h.organization_id, null, null, h.id, h.reason, h.created_at, h.released_at
  from app_audit.legal_holds h
  order by 1, 6 nulls first;
$$ language sql stable security definer set search_path to '';

grant execute on function
  app_audit.hold_events(uuid, text),
  app_audit.release_events(uuid),
  app_audit.keep_events(uuid, text, integer),
  app_audit.list_retention()
to app_owner;

reset role;
--! EndIncluded audit/operate_retention.sql

select app_audit.note_sensitivity();
