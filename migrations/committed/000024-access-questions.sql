--! Previous: sha1:3da48fda9888a9d8ee4c35895bb01d56836118e3
--! Hash: sha1:26b79c59a6d3ea1bfda4dd949dbbfc99241f3562
--! Message: access-questions

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 120-access-questions.sql
-- Who may read an organization may read its computed field `viewerCanAdminister`.
--! Included tenancy/organizations.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.organizations');
select app_private.allow_data_role('app_public.organizations', 'id');

create policy tenant_boundary on app_public.organizations
  as restrictive to app_user
  using (id = any (array(select app_hidden.my_organization_ids())))
  with check (id = any (array(select app_hidden.my_organization_ids())));

create policy select_member on app_public.organizations
  for select to app_user
  using (id = any (array(select app_hidden.my_organization_ids())));

create policy update_administrator on app_public.organizations
  for update to app_user
  using (id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}'))))
  with check (id = any (array(select app_hidden.organization_ids_with_role('{owner,admin}'))));

-- The helpers list a superadmin's organizations, and create_organization() makes one.
create policy select_definer on app_public.organizations
  for select to app_definer
  using (true);
create policy insert_definer on app_public.organizations
  for insert to app_definer
  with check (created_by = auth.uid());

-- A job knows its organization.
create policy select_worker on app_public.organizations
  for select to app_worker
  using (id = (select app_hidden.current_organization_id()));

-- Every column: a computed field takes the whole row, which Postgres gives only to whom may read all of it. The API does
-- not show clerk_org_id.
grant
  select (
    id, name, slug, settings, administrators_read_clinical, clerk_org_id, external_id, created_at, updated_at, created_by,
    updated_by
  ),
  update (name, slug, settings, administrators_read_clinical)
on app_public.organizations to app_user;
grant select, insert (name, slug) on app_public.organizations to app_definer;
grant select (id, name, settings) on app_public.organizations to app_worker;
-- No insert grant: create_organization() also makes the caller its owner. No delete grant: patients' records hang on it.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.organizations');

-- An admin would otherwise open the clinical records to themselves.
create or replace function app_private.tg_organizations__owner_opens_records() returns trigger as $$
begin
  if NEW.id <> all (array(select app_hidden.organization_ids_with_role('{owner}'))) then
    raise exception 'Only an owner decides whether administrators read clinical records.' using errcode = 'DENYD';
  end if;
  return NEW;
end;
$$ language plpgsql volatile set search_path to '';

create or replace trigger _300_owner_opens_records
  before update of administrators_read_clinical on app_public.organizations
  for each row
  when (NEW.administrators_read_clinical and not OLD.administrators_read_clinical and current_user = 'app_user')
  execute function app_private.tg_organizations__owner_opens_records();

-- Documentation ---------------------------------------------------------------

comment on table app_public.organizations is
  'A customer: one legal body that runs one or more clinics. Nothing of one organization is visible to another.';
comment on column app_public.organizations.id is 'The organization’s id; send it as `X-Organization-Id` to work in it.';
comment on column app_public.organizations.name is 'What people call it.';
comment on column app_public.organizations.slug is 'Its name in addresses: lower-case letters, digits and hyphens.';
comment on column app_public.organizations.settings is 'Preferences of the organization, as one JSON object.';
comment on column app_public.organizations.administrators_read_clinical is
  'Whether owners and admins read clinical records without being a member of the clinic. Off unless switched on.';
comment on column app_public.organizations.clerk_org_id is E'@behavior -select -filterBy -orderBy -attribute:aggregate\nIts id at Clerk.';
comment on column app_public.organizations.external_id is 'Its id in the system it was imported from.';
comment on column app_public.organizations.created_at is 'When it was created.';
comment on column app_public.organizations.updated_at is 'When it last changed.';
comment on column app_public.organizations.created_by is 'Who created it.';
comment on column app_public.organizations.updated_by is 'Who changed it last.';
comment on type app_public.organization_role is '@value owner Decides everything, other owners included.
@value admin Runs the organization’s clinics and people.
@value member Belongs to it; clinic memberships say where.
@value viewer Reads what the organization is made of.
What a person is in an organization: owners and admins run it, members work in it, viewers look on.';
--! EndIncluded tenancy/organizations.sql
--! Included access/access_questions.sql
-- What explain_access() and `bailiwick access why` ask of a row: the expressions that stand in pg_policy, as Postgres itself
-- prints them, and below each the arms that it is made of. The whole decides; an arm only says why. Nothing here knows a rule.

-- The arms of an expression and whether AND or OR joins them; of one that has none, null and the expression itself.
create or replace function app_hidden.expression_arms(
  expression text,
  out connective text,
  out arms text[]
) as $$
declare
  v_text text := expression_arms.expression;
  v_token text;
  v_arm text;
  v_depth integer;
  v_is_enclosed boolean;
begin
  loop
    arms := '{}';
    connective := null;
    v_arm := '';
    v_depth := 0;
    v_is_enclosed := v_text like '(%)';
    for v_token in
      select m[1]
      from regexp_matches(v_text, '(''(?:[^'']|'''')*''|"(?:[^"]|"")*"| AND | OR |[()]|[^''"()\s]+|\s)', 'g') as m
    loop
      if v_depth = 0 and v_arm <> '' then
        v_is_enclosed := false;
      end if;
      v_depth := v_depth + case v_token when '(' then 1 when ')' then -1 else 0 end;
      if v_depth = 0 and v_token in (' AND ', ' OR ') then
        connective := lower(trim(v_token));
        arms := arms || v_arm;
        v_arm := '';
      else
        v_arm := v_arm || v_token;
      end if;
    end loop;
    -- One pair of parentheses around everything: the arms are inside.
    exit when not v_is_enclosed;
    v_text := substr(v_text, 2, length(v_text) - 2);
  end loop;
  arms := arms || v_arm;
  -- The ANDs of a CASE or of a BETWEEN are not arms.
  if v_text ~ '^\s*CASE ' or v_text ~ ' BETWEEN ' then
    connective := null;
    arms := array[v_text];
  end if;
end;
$$ language plpgsql immutable strict set search_path to '';

-- Every policy that is asked when the role does this to a row of the table, and below it its arms. Reading, changing and
-- deleting a row that is looked for each asks the policies for select first. A policy without WITH CHECK checks by USING.
create or replace function app_hidden.access_questions(target regclass, role_name name, command text)
returns table (
  number integer, policy name, permissive boolean, roles text, policy_command text, phase text, depth integer,
  connective text, expression text
) as $$
  with recursive policy as (
    select p.polname, p.polpermissive, p.polrelid, p.polqual, p.polwithcheck,
      case when p.polroles = '{0}' then 'public' else array_to_string(p.polroles::regrole[], ', ') end as roles,
      case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end
        as command
    from pg_catalog.pg_policy p
    where p.polrelid = access_questions.target
    and exists (
      select from unnest(p.polroles) as r where r = 0 or pg_has_role(access_questions.role_name, r, 'usage')
    )
  ),
  asked as (
    select p.*, 'using' as phase, pg_get_expr(p.polqual, p.polrelid) as expression
    from policy p
    where p.command in ('all', 'select', access_questions.command)
    union all
    select p.*, 'check', pg_get_expr(coalesce(p.polwithcheck, p.polqual), p.polrelid)
    from policy p
    where access_questions.command = 'update' and p.command in ('all', 'update')
  ),
  question as (
    select array[row_number() over (order by a.polpermissive, a.command, a.polname, a.phase desc)] as path,
      a.polname, a.polpermissive, a.roles, a.command, a.phase, a.expression, e.connective, e.arms
    from asked a, lateral app_hidden.expression_arms(a.expression) e
    where a.expression is not null
    union all
    select q.path || a.ordinality, q.polname, q.polpermissive, q.roles, q.command, q.phase, a.arm, e.connective, e.arms
    from question q, unnest(q.arms) with ordinality as a (arm, ordinality), lateral app_hidden.expression_arms(a.arm) e
    where q.connective is not null
  )
  select (row_number() over (order by q.path))::integer, q.polname, q.polpermissive, q.roles, q.command, q.phase,
    cardinality(q.path) - 1, q.connective, q.expression
  from question q
  order by 1;
$$ language sql stable set search_path to '';

-- A query that answers all of them at once for the rows `$1`, an array of the table's type: for each row, in the order given,
-- `results`, and `evidence` beside each arm that is true. Run it as the person: that is what makes the answers theirs.
create or replace function app_hidden.access_query(
  target regclass,
  role_name name,
  command text,
  with_evidence boolean = true
) returns text as $$
  select format(
    'select array[%s]::boolean[] as results, array[%s]::jsonb[] as evidence'
    ' from unnest($1::%s[]) with ordinality as %I order by ordinality',
    coalesce(string_agg(format('(%s)', q.expression), ', ' order by q.number) filter (where q.number is not null), ''),
    coalesce(string_agg(case
      when access_query.with_evidence and q.connective is null then
        format('case when (%1$s) then app_hidden.access_evidence(%1$L, to_jsonb(%2$I)) end', q.expression, c.relname)
      else 'null'
    end, ', ' order by q.number) filter (where q.number is not null), ''),
    c.oid::regclass,
    c.relname
  )
  from pg_catalog.pg_class c
  left join app_hidden.access_questions(access_query.target, access_query.role_name, access_query.command) q on true
  where c.oid = access_query.target
  group by c.oid, c.relname;
$$ language sql stable set search_path to '';
--! EndIncluded access/access_questions.sql
--! Included access/access_evidence.sql
-- The facts that a true arm of a policy rests on: for each helper the arm compares a column with, the rows that put the
-- column's value into the helper's set. It decides nothing. Invoker, and about the caller: whoever asks sees facts that their
-- own policies show them. `test/access/whyEvidence.test.ts` takes each fact away and sees the access go.
create or replace function app_hidden.access_evidence(expression text, target_row jsonb) returns jsonb as $$
  with term as (
    select m[1] as column_name, m[2] as helper, ('{' || m[3] || '}')::text[] as arguments,
      (access_evidence.target_row ->> m[1])::uuid as value
    from regexp_matches(
      access_evidence.expression,
      '(\w+) (?:= ANY \(ARRAY|IN|=) ?\(\s*SELECT app_hidden\.(\w+)\((?:''\{?([^'']*?)\}?''::[\w.]+(?:\[\])?)?\)',
      'g'
    ) as m
    union all
    select null, 'is_superadmin', '{}', null where access_evidence.expression ~ 'SELECT app_hidden\.is_superadmin\(\)'
  ),
  -- What each helper rests on. A role list beside it is what counts where the policy names none.
  basis (helper, kind, roles) as (
    values
      ('current_user_id', 'self', null),
      ('is_superadmin', 'superadmin', null),
      ('my_organization_ids', 'organization', '{owner,admin,member,viewer}'),
      ('my_organization_ids', 'patient_of_organization', null),
      ('my_organization_ids', 'superadmin', null),
      ('organization_ids_with_role', 'organization', '{}'),
      ('administered_organization_ids', 'organization', '{owner,admin}'),
      ('metric_organization_ids', 'organization', '{owner,admin}'),
      ('metric_organization_ids', 'superadmin', null),
      ('organization_ids_with_feature', 'feature', null),
      ('clinic_ids_with_role', 'clinic', '{}'),
      ('readable_clinic_ids', 'clinic', '{clinic_admin,provider,staff,viewer}'),
      ('readable_clinic_ids', 'reading_administrator', '{owner,admin}'),
      ('readable_clinic_ids', 'superadmin', null),
      ('administered_clinic_ids', 'clinic', '{clinic_admin}'),
      ('administered_clinic_ids', 'clinic_organization', '{owner,admin}'),
      ('my_clinic_ids', 'clinic', '{clinic_admin,provider,staff,viewer}'),
      ('my_clinic_ids', 'clinic_organization', '{owner,admin}'),
      ('my_clinic_ids', 'patient_of_clinic', null),
      ('my_clinic_ids', 'superadmin', null),
      ('metric_clinic_ids', 'clinic', '{clinic_admin,provider,staff,viewer}'),
      ('metric_clinic_ids', 'clinic_organization', '{owner,admin}'),
      ('metric_clinic_ids', 'superadmin', null),
      ('my_patient_ids', 'patient', null),
      ('shared_patient_ids', 'link', null),
      ('break_glass_patient_ids', 'break_glass', null),
      ('shared_care_session_ids', 'share', null),
      ('shared_report_ids', 'share', null)
  ),
  wanted as (
    select t.column_name, t.arguments, t.value, b.kind,
      case when t.arguments <> '{}' then t.arguments else b.roles::text[] end as roles
    from term t
    join basis b using (helper)
  ),
  -- The clinics of links and shares count by the person's standing there.
  reading as (
    select w.value, l.clinic_id, 'app_public.patient_clinic_links' as source, l.id,
      format('the patient is shared with %s (%s)', c.name, l.access) as fact
    from wanted w
    join app_public.patient_clinic_links l on l.patient_id = w.value and l.access::text = any (w.roles)
    join app_public.clinics c on c.id = l.clinic_id
    where w.kind = 'link' and l.clinic_id = any (array(select app_hidden.readable_clinic_ids()))
    union all
    select w.value, s.clinic_id, 'app_public.resource_shares', s.id,
      format('shared with %s%s', c.name, to_char(s.expires_at at time zone 'UTC', '" until "YYYY-MM-DD HH24:MI" UTC"'))
    from wanted w
    join app_public.resource_shares s on w.value in (s.care_session_id, s.report_id)
    join app_public.clinics c on c.id = s.clinic_id
    where w.kind = 'share' and s.clinic_id = any (array(select app_hidden.readable_clinic_ids()))
    and (s.expires_at is null or s.expires_at > now())
  ),
  in_clinic (clinic_id, roles, kind) as (
    select w.value, w.roles, w.kind
    from wanted w
    where w.kind in ('clinic', 'clinic_organization', 'reading_administrator')
    union all
    select r.clinic_id, b.roles::text[], b.kind
    from reading r
    join basis b on b.helper = 'readable_clinic_ids'
  ),
  fact (source, id, fact) as (
    select null, null::uuid, format('%s is the person', w.column_name) from wanted w where w.kind = 'self'
    union all
    select 'app_public.users', u.id, concat('superadmin', ', for the purpose ' || app_hidden.purpose_of_use())
    from app_public.users u
    where u.id = auth.uid() and u.is_superadmin
    and 'superadmin' in (select w.kind from wanted w union all select c.kind from in_clinic c)
    union all
    select 'app_public.organization_memberships', m.id, format('%s of %s', m.role, o.name)
    from wanted w
    join app_public.organization_memberships m on m.organization_id = w.value and m.role::text = any (w.roles)
    join app_public.organizations o on o.id = m.organization_id
    where w.kind = 'organization' and m.user_id = auth.uid() and m.active
    union all
    select 'app_public.clinic_memberships', m.id, format('%s in %s', m.role, c.name)
    from in_clinic i
    join app_public.clinic_memberships m on m.clinic_id = i.clinic_id and m.role::text = any (i.roles)
    join app_public.clinics c on c.id = m.clinic_id
    where i.kind = 'clinic' and m.user_id = auth.uid() and m.active and c.active
    union all
    select 'app_public.organization_memberships', m.id,
      format('%s of %s, which runs %s', m.role, o.name, c.name)
        || case i.kind when 'reading_administrator' then ' and lets its administrators read' else '' end
    from in_clinic i
    join app_public.clinics c on c.id = i.clinic_id
    join app_public.organizations o on o.id = c.organization_id
    join app_public.organization_memberships m on m.organization_id = o.id and m.role::text = any (i.roles)
    where m.user_id = auth.uid() and m.active
    and (i.kind = 'clinic_organization' or (i.kind = 'reading_administrator' and o.administrators_read_clinical))
    union all
    select 'app_public.patients', p.id, 'the patient’s own account'
    from wanted w
    join app_public.patients p on p.portal_user_id = auth.uid() and p.deleted_at is null
    and w.value = case w.kind
      when 'patient' then p.id when 'patient_of_clinic' then p.home_clinic_id when 'patient_of_organization' then p.organization_id
    end
    union all
    select r.source, r.id, r.fact from reading r
    union all
    select 'app_public.break_glass_grants', g.id,
      'opened in an emergency' || to_char(g.expires_at at time zone 'UTC', '", until "YYYY-MM-DD HH24:MI" UTC"')
    from wanted w
    join app_public.break_glass_grants g on g.patient_id = w.value
    where w.kind = 'break_glass' and g.user_id = auth.uid() and g.expires_at > now() and g.revoked_at is null
    union all
    select m[1], null, 'it shows the person a row that matches'
    from regexp_matches(access_evidence.expression, 'EXISTS \(\s*SELECT\s+FROM ([\w.]+)', 'g') as m
    union all
    select null, w.value, format('the organization has the feature %s', array_to_string(w.arguments, ', '))
    from wanted w
    where w.kind = 'feature'
  )
  select jsonb_agg(distinct jsonb_build_object('table', f.source, 'id', f.id, 'fact', f.fact)) from fact f;
$$ language sql stable set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function app_hidden.access_evidence(text, jsonb) to app_user, app_anonymous;
--! EndIncluded access/access_evidence.sql
--! Included access/access_verdict.sql
-- Whether grants let the role do this to any row: USAGE of the schema, the columns by which a row is found and seen, and for
-- a change at least one column, or DELETE.
create or replace function app_hidden.access_grants(target regclass, role_name name, command text) returns jsonb as $$
  with readable as (
    select a.attname, has_column_privilege(access_grants.role_name, a.attrelid, a.attnum, 'select') as can_select,
      has_column_privilege(access_grants.role_name, a.attrelid, a.attnum, 'update') as can_update
    from pg_catalog.pg_attribute a
    where a.attrelid = access_grants.target and a.attnum > 0 and not a.attisdropped
    order by a.attnum
  ),
  granted as (
    select has_schema_privilege(access_grants.role_name, c.relnamespace, 'usage') as usage,
      array(select r.attname from readable r where r.can_select) as selected,
      array(select r.attname from readable r where r.can_update) as updated,
      has_table_privilege(access_grants.role_name, c.oid, 'delete') as can_delete,
      c.relnamespace::regnamespace as namespace
    from pg_catalog.pg_class c
    where c.oid = access_grants.target
  )
  select jsonb_build_object(
    'usage', g.usage,
    'select', to_jsonb(g.selected),
    'update', case access_grants.command when 'update' then to_jsonb(g.updated) end,
    'delete', case access_grants.command when 'delete' then to_jsonb(g.can_delete) end,
    'missing', case
      when not g.usage then format('USAGE of the schema %s', g.namespace)
      when g.selected = '{}' then 'SELECT of any column'
      when access_grants.command = 'update' and g.updated = '{}' then 'UPDATE of any column'
      when access_grants.command = 'delete' and not g.can_delete then 'DELETE'
    end
  )
  from granted g;
$$ language sql stable set search_path to '';

-- Puts the answers of access_query() together as Postgres does: every restrictive policy holds, and one permissive policy at
-- least, for reading and for the command, before the change (USING) and after it (WITH CHECK). An answer of null is no.
create or replace function app_hidden.access_verdict(
  target regclass,
  role_name name,
  command text,
  results boolean[],
  evidence jsonb[] = null
) returns jsonb as $$
declare
  v_grants jsonb := app_hidden.access_grants(target, role_name, command);
  -- No question is about the owner: nobody asks for anybody but the roles of requests.
  v_is_secured boolean := (select c.relrowsecurity from pg_catalog.pg_class c where c.oid = access_verdict.target);
  v_policies jsonb;
  v_refusal text := 'there is no grant: ' || (v_grants ->> 'missing');
  v_opening text;
begin
  select jsonb_agg(
    to_jsonb(q) || jsonb_build_object(
      'result', access_verdict.results[q.number],
      'evidence', coalesce(access_verdict.evidence[q.number], '[]')
    ) order by q.number
  )
  into v_policies
  from app_hidden.access_questions(target, role_name, command) q;
  if v_is_secured and v_refusal is null then
    select r.refusal
    into v_refusal
    from (
      select s.step, 0 as rank, format('the restrictive policy %s does not hold%s', q.policy, s.moment) as refusal
      from (
        values (1, 'select', 'using', ''), (2, command, 'using', ''), (3, command, 'check', ' for the row as it would be')
      ) as s (step, policy_command, phase, moment)
      join app_hidden.access_questions(target, role_name, command) q
        on q.depth = 0 and not q.permissive and q.phase = s.phase and q.policy_command in ('all', s.policy_command)
      where access_verdict.results[q.number] is not true
      union all
      select s.step, 1, coalesce(
        format('no policy for %s holds%s: %s', s.policy_command, s.moment, string_agg(q.policy, ', ')),
        format('there is no policy for %s', s.policy_command)
      )
      from (
        values (1, 'select', 'using', ''), (2, command, 'using', ''), (3, command, 'check', ' for the row as it would be')
      ) as s (step, policy_command, phase, moment)
      left join app_hidden.access_questions(target, role_name, command) q
        on q.depth = 0 and q.permissive and q.phase = s.phase and q.policy_command in ('all', s.policy_command)
      where s.step < 3 or command = 'update'
      group by s.step, s.policy_command, s.phase, s.moment
      having not coalesce(bool_or(access_verdict.results[q.number]), false)
    ) r
    order by r.step, r.rank
    limit 1;
  end if;
  if v_refusal is null then
    select string_agg(distinct q.policy, ', ')
    into v_opening
    from app_hidden.access_questions(target, role_name, command) q
    where q.depth = 0 and q.permissive and access_verdict.results[q.number];
  end if;
  return jsonb_build_object(
    'table', access_verdict.target::text,
    'command', access_verdict.command,
    'role', access_verdict.role_name,
    'allowed', v_refusal is null,
    'because', coalesce(
      v_refusal,
      case when v_is_secured then 'the policies hold: ' || v_opening else 'the table has no row security' end
    ),
    'rowSecurity', v_is_secured,
    'grants', v_grants,
    'policies', coalesce(v_policies, '[]')
  );
end;
$$ language plpgsql stable set search_path to '';
--! EndIncluded access/access_verdict.sql
