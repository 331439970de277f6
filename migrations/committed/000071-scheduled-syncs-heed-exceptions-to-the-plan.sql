--! Previous: sha1:65d1386bd5b7fce97dde513f96cb1d74bacd49bf
--! Hash: sha1:093fc1153d9c193be3fe445541cbf05f87461700
--! Message: Scheduled syncs heed exceptions to the plan

--! split: 1-current.sql
--! Included billing/organization_feature_flags.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.organization_feature_flags');
select app_private.allow_data_role('app_public.organization_feature_flags');

create policy tenant_boundary on app_public.organization_feature_flags
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

create policy select_administrator on app_public.organization_feature_flags
  for select to app_user
  using (
    organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}')))
    or (select app_hidden.is_superadmin())
  );

-- Features are looked up for people, and by the job that adds what is due, which is of one organization and nobody's.
create policy select_definer on app_public.organization_feature_flags
  for select to app_definer
  using (organization_id = any (array(select app_hidden.acting_organization_ids())));

grant select (id, organization_id, flag_key, enabled, created_at, updated_at, created_by, updated_by)
on app_public.organization_feature_flags to app_user;
grant select (organization_id, flag_key, enabled) on app_public.organization_feature_flags to app_definer;
-- No write grant for requests: an exception to the plan is the operator's to make, as `app_data` and on record. It ends by
-- being set to what the plan says, not by a delete.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.organization_feature_flags');
select app_private.audit_changes('app_public.organization_feature_flags');

create or replace trigger _301_refuse_other_flag
  before update on app_public.organization_feature_flags
  for each row
  when (OLD.flag_key is distinct from NEW.flag_key)
  execute function app_private.tg__refuse_move();

-- Documentation ---------------------------------------------------------------

comment on table app_public.organization_feature_flags is
  'A feature that was switched on or off for one organization, whatever its plan says.';
comment on column app_public.organization_feature_flags.id is 'The exception’s id.';
comment on column app_public.organization_feature_flags.organization_id is 'The organization.';
comment on column app_public.organization_feature_flags.flag_key is 'The key of the feature.';
comment on column app_public.organization_feature_flags.enabled is 'Whether the organization has it.';
comment on column app_public.organization_feature_flags.created_at is 'When the exception was made.';
comment on column app_public.organization_feature_flags.updated_at is 'When it last changed.';
comment on column app_public.organization_feature_flags.created_by is 'Who made it, if it was a person.';
comment on column app_public.organization_feature_flags.updated_by is 'Who changed it last, if it was a person.';
comment on constraint organization_feature_flags_flag_key_fkey on app_public.organization_feature_flags is
  E'@fieldName definition\n@foreignFieldName exceptions';
--! EndIncluded billing/organization_feature_flags.sql
