--! Previous: sha1:26b79c59a6d3ea1bfda4dd949dbbfc99241f3562
--! Hash: sha1:65676cacff6833dc161230802c122c83dfaa1920
--! Message: explain-access

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 130-explain-access.sql
--! Included access/explainable_rows.sql
-- Lets explain_access() look at the rows of a tenant's table: those of the organizations that the caller administers as a
-- whole, so that a row of another organization is to it what a missing one is. Tables that are no tenant's, and everything in
-- the vault, it never sees. `reset_access` calls it.
create or replace function app_private.allow_explaining(target regclass) returns void as $$
declare
  v_column name := case allow_explaining.target when 'app_public.organizations'::regclass then 'id' else 'organization_id' end;
begin
  if not exists (
    select from pg_catalog.pg_class c
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = v_column
    where c.oid = allow_explaining.target and c.relnamespace = 'app_public'::regnamespace
  ) then
    return;
  end if;
  execute format('drop policy if exists select_explained on %s', allow_explaining.target);
  execute format(
    'create policy select_explained on %s for select to app_access_reader'
    ' using (%I = any (array(select app_hidden.administered_organization_ids())))',
    allow_explaining.target,
    v_column
  );
  execute format('grant select on %s to app_access_reader', allow_explaining.target);
end;
$$ language plpgsql volatile set search_path to '';

-- Access ----------------------------------------------------------------------

grant usage on schema app_public, app_hidden, auth to app_access_reader;
-- They own the functions that they run.
grant create on schema app_hidden to app_access_reader, app_access_judge;

set local role app_definer;
grant execute on function app_hidden.administered_organization_ids() to app_access_reader;
reset role;

select app_private.allow_explaining(c.oid)
from pg_catalog.pg_class c
where c.relnamespace = 'app_public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition;
--! EndIncluded access/explainable_rows.sql
--! Included foundation/reset_access.sql
-- Each table's fixture starts its access section with this: row security enabled and forced, no policy, no grant. What
-- stands below the call is then the whole truth; a policy that was renamed or deleted in the file is really gone.
create or replace function app_private.reset_access(target regclass) returns void as $$
declare
  v_name name;
begin
  execute format('alter table %s enable row level security', reset_access.target);
  execute format('alter table %s force row level security', reset_access.target);
  for v_name in select p.polname from pg_catalog.pg_policy p where p.polrelid = reset_access.target loop
    execute format('drop policy %I on %s', v_name, reset_access.target);
  end loop;
  -- Revoking a table's privilege revokes it from every column too.
  execute format(
    'revoke all on %s from public, app_anonymous, app_user, app_worker, app_data, app_definer, app_authenticator',
    reset_access.target
  );
  execute format('grant select on %s to app_backup', reset_access.target);
  perform app_private.allow_explaining(reset_access.target);
end;
$$ language plpgsql volatile set search_path to '';

-- Lets imports and backfills write the rows of the organizations they have declared, and no others.
-- The sub-select reads the scope once a statement: once a row, a few hundred organizations made an import 10 times slower.
create or replace function app_private.allow_data_role(target regclass, organization_column name = 'organization_id')
returns void as $$
begin
  execute format(
    'create policy all_in_data_scope on %s to app_data'
    ' using (%2$I = any ((select app_hidden.data_scope())::uuid[]))'
    ' with check (%2$I = any ((select app_hidden.data_scope())::uuid[]))',
    allow_data_role.target,
    allow_data_role.organization_column
  );
  execute format('grant select, insert, update on %s to app_data', allow_data_role.target);
end;
$$ language plpgsql volatile set search_path to '';
--! EndIncluded foundation/reset_access.sql
--! Included access/explain_access.sql
-- explain_access() for requests: an administrator of an organization asks what a member may do with a row of it, and why. The
-- row is looked at by `app_access_reader`, the policies are asked by `app_access_judge`, and no content comes back. The
-- command line asks the same questions over its own connection (src/access/why).

grant execute on function
  app_hidden.access_questions(regclass, name, text),
  app_hidden.expression_arms(text),
  app_hidden.access_query(regclass, name, text, boolean),
  app_hidden.access_grants(regclass, name, text),
  app_hidden.access_verdict(regclass, name, text, boolean[], jsonb[])
to app_access_judge;

set local role app_access_reader;

-- Of a row, its tenant and the columns that the table's policies compare: nothing else is needed. Null for a row that is not
-- there, is not of an organization that the caller administers, or belongs to no organization.
create or replace function app_hidden.explained_row(target regclass, row_id uuid) returns jsonb as $$
declare
  v_pairs text;
  v_row jsonb;
begin
  select string_agg(format('%L, t.%I', a.attname, a.attname), ', ')
  into v_pairs
  from pg_catalog.pg_attribute a
  where a.attrelid = explained_row.target and a.attnum > 0 and not a.attisdropped
  and (
    a.attname in ('id', 'organization_id', 'clinic_id')
    or exists (
      select from pg_catalog.pg_policy p
      join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_policy'::regclass and d.objid = p.oid
      where p.polrelid = explained_row.target
      and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = p.polrelid and d.refobjsubid = a.attnum
    )
  )
  and exists (
    select from pg_catalog.pg_policy p where p.polrelid = explained_row.target and p.polname = 'select_explained'
  );
  if v_pairs is null or not v_pairs like '%t.id%' then
    return null;
  end if;
  execute format('select jsonb_build_object(%s) from %s t where t.id = $1', v_pairs, explained_row.target)
  into v_row
  using explained_row.row_id;
  return v_row;
end;
$$ language plpgsql stable security definer set search_path to '';

-- Whether somebody is a member of an organization that the caller administers. Not of somebody who is a patient of it as well:
-- what they may see would tell whose record a row is.
create or replace function app_hidden.is_explained_member(person_id uuid, organization_id uuid) returns boolean as $$
  select exists (
    select from app_public.organization_memberships m
    where m.organization_id = is_explained_member.organization_id and m.user_id = is_explained_member.person_id
  ) and not exists (
    select from app_public.patients p
    where p.organization_id = is_explained_member.organization_id and p.portal_user_id = is_explained_member.person_id
  );
$$ language sql stable security definer set search_path to '';

grant execute on function
  app_hidden.explained_row(regclass, uuid),
  app_hidden.is_explained_member(uuid, uuid)
to app_access_judge;

reset role;
set local role app_definer;

-- That an administrator asked, on record twice: about the row, and about the person.
create or replace function app_hidden.record_explanation(organization_id uuid, target regclass, row_id uuid, person_id uuid)
returns void as $$
begin
  insert into app_audit.events (
    organization_id, actor_id, session_id, actor_role, command, table_name, row_id, changed_fields, purpose_of_use,
    request_id
  )
  select record_explanation.organization_id, auth.uid(), app_hidden.current_session_id(), app_private.acting_role(),
    'EXPLAIN', e.table_name, e.row_id, '{}', app_hidden.purpose_of_use(), app_hidden.request_id()
  from (values (target::text, record_explanation.row_id), ('app_public.users', person_id)) as e (table_name, row_id);
end;
$$ language plpgsql volatile security definer set search_path to '';

grant execute on function app_hidden.record_explanation(uuid, regclass, uuid, uuid) to app_access_judge;

reset role;
set local role app_access_judge;

-- The verdict about a row as the person it is about. Only the functions of this role may call it. The person's identity is
-- taken on in a block that always ends by an exception: rolling it back is what brings the caller's identity back, whatever
-- the policies do in between.
create or replace function app_hidden.judge_access(person_id uuid, target regclass, target_row jsonb, command text)
returns jsonb as $$
declare
  v_query text := app_hidden.access_query(target, 'app_user', judge_access.command);
  v_setting text;
  v_literal text;
  v_results boolean[] := '{}';
  v_evidence jsonb[];
  v_is_closed boolean := false;
begin
  execute format('select array[jsonb_populate_record(null::%s, $1)]::text', judge_access.target)
  into v_literal
  using judge_access.target_row;
  begin
    foreach v_setting in array array[
      'jwt.claims.sid', 'app.current_org_id', 'app.organization_id', 'app.clinic_id', 'app.purpose_of_use'
    ] loop
      perform set_config(v_setting, '', true);
    end loop;
    perform set_config('jwt.claims.sub', person_id::text, true), set_config('app.current_user_id', person_id::text, true);
    execute v_query into v_results, v_evidence using v_literal;
    raise exception 'The policies have been asked.' using errcode = 'ASKED';
  exception
    when sqlstate 'ASKED' then null;
    when sqlstate 'UNAUT' then v_is_closed := true;
  end;
  return app_hidden.access_verdict(target, 'app_user', judge_access.command, v_results, v_evidence)
    || case when v_is_closed then '{"allowed": false, "because": "the person’s account is closed"}' else '{}' end::jsonb;
end;
$$ language plpgsql volatile security definer set search_path to '';

create or replace function app_hidden.explain_access(
  person_id uuid,
  resource_type text,
  resource_id uuid,
  command text
) returns jsonb as $$
declare
  v_target regclass := to_regclass(format('app_public.%I', explain_access.resource_type));
  v_row jsonb;
  v_organization_id uuid;
begin
  if v_target is not null then
    v_row := app_hidden.explained_row(v_target, explain_access.resource_id);
  end if;
  if v_row is null then
    raise exception 'There is no such record in an organization that you run.' using errcode = 'NTFND';
  end if;
  v_organization_id := v_row ->> case explain_access.resource_type when 'organizations' then 'id' else 'organization_id' end;
  if not app_hidden.is_explained_member(explain_access.person_id, v_organization_id) then
    raise exception 'There is no member of the organization whose access could be shown.' using errcode = 'NTFND';
  end if;
  perform app_hidden.record_explanation(v_organization_id, v_target, explain_access.resource_id, explain_access.person_id);
  return app_hidden.judge_access(explain_access.person_id, v_target, v_row, explain_access.command);
end;
$$ language plpgsql volatile strict security definer set search_path to '';

grant execute on function app_hidden.explain_access(uuid, text, uuid, text) to app_user;

reset role;
--! EndIncluded access/explain_access.sql
--! Included access/explain_access_api.sql
-- Everything about one row of one member, for the API. Invoker: app_hidden.explain_access() decides who may ask.
do $$
begin
  create type app_public.access_command as enum ('select', 'update', 'delete');
exception
  when duplicate_object then null;
end
$$;

do $$
begin
  create type app_public.access_explanation as (allowed boolean, because text, grants jsonb, policies jsonb);
exception
  when duplicate_object then null;
end
$$;

-- Questions are on record with the changes.
alter table app_audit.events drop constraint if exists events_command_is_known;
alter table app_audit.events add constraint events_command_is_known
  check (command in ('INSERT', 'UPDATE', 'DELETE', 'EXPLAIN'));

create or replace function app_public.explain_access(
  person_id uuid,
  resource_type text,
  resource_id uuid,
  command app_public.access_command
) returns app_public.access_explanation as $$
  select row(e ->> 'allowed', e ->> 'because', e -> 'grants', e -> 'policies')::app_public.access_explanation
  from app_hidden.explain_access(
    explain_access.person_id, explain_access.resource_type, explain_access.resource_id, explain_access.command::text
  ) as e;
$$ language sql volatile strict set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_public.explain_access(uuid, text, uuid, app_public.access_command) to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.explain_access(uuid, text, uuid, app_public.access_command) is '@argument personId The member.
@argument resourceType The table of the record, such as `patients`; the audit log calls it the same.
@argument resourceId The record.
@argument command What the member would do.
For owners and admins: whether a member of the organization may do something with a record of it, and which policies, grants and memberships make it so. Shows nothing of the record, and is itself on the audit log.';
comment on type app_public.access_explanation is 'Whether somebody may do something with a record, and why.';
comment on column app_public.access_explanation.allowed is 'Whether grants and row security let them.';
comment on column app_public.access_explanation.because is 'What decided, in a sentence.';
comment on column app_public.access_explanation.grants is 'The privileges of the role that requests run as.';
comment on column app_public.access_explanation.policies is
  'Every policy that was asked and the arms of its expression, each true or false, with the rows that made it true.';
comment on type app_public.access_command is '@value select See it.
@value update Change it.
@value delete Delete it.
What somebody would do with a record.';
--! EndIncluded access/explain_access_api.sql
