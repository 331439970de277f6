--! Previous: sha1:aa26777eaf1691e6e8210b553ad2d59aeb4a974d
--! Hash: sha1:3aa355601fbb0c64002c5b788abf33fd8d16bf31
--! Message: explained-commands

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 52-explained-commands.sql
-- Which events a person may see is explained by what the events say now.

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
    request_id, address_hash, device_hash, operation, document_hash
  )
  select record_explanation.organization_id, f.actor_id, f.session_id, f.actor_role, 'EXPLAIN', e.table_name, e.row_id,
    '{}', f.purpose_of_use, f.request_id, f.address_hash, f.device_hash, f.operation, f.document_hash
  from (values (target::text, record_explanation.row_id), ('app_public.users', person_id)) as e (table_name, row_id),
    app_private.describe_request() as f;
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
