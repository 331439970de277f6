--! Previous: sha1:2156b79485392b3bd5b54e5dc949753f235bddb7
--! Hash: sha1:f082d669a62b088afb3519c1263363c14a09d5f8
--! Message: put-transcripts-on-record-with-their-patients

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

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
      ('break_glass_patient_ids', 'break_glass', '{clinic_admin,provider}'),
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
    select c.id, w.roles, 'clinic'
    from wanted w
    join app_public.break_glass_grants g on g.patient_id = w.value
    join app_public.clinics c on c.organization_id = g.organization_id
    where w.kind = 'break_glass'
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
--! Included audit/patients_of_sessions.sql
-- Rows that name a care session and no patient are on record with the session's patient.

set local role app_definer;

-- Organizations whose sessions the audit looks up at this moment. Nobody else can say so: set_config is revoked from the
-- roles of requests, and the gateway forwards no setting of this name.
create or replace function app_private.audited_organization_ids() returns uuid[]
language sql stable parallel safe
return string_to_array(nullif(current_setting('app.audited_organization_ids', true), ''), ',')::uuid[];

-- The patient of each session, by the session's id. Whoever changes a transcript need not see the session: the worker does
-- not, nor does an owner who repairs something.
create or replace function app_private.patients_of_sessions(organization_ids uuid[], session_ids uuid[]) returns jsonb as $$
declare
  v_patients jsonb;
begin
  perform set_config('app.audited_organization_ids', array_to_string(patients_of_sessions.organization_ids, ','), true);
  select jsonb_object_agg(s.id, s.patient_id) into v_patients
  from app_public.care_sessions s
  where s.id = any (patients_of_sessions.session_ids);
  perform set_config('app.audited_organization_ids', '', true);
  return v_patients;
end;
$$ language plpgsql volatile set search_path to '';

reset role;
--! EndIncluded audit/patients_of_sessions.sql
--! Included audit/record_changes.sql
set local role app_definer;

-- One call per statement, however many rows it changed; what is the same for all of them is read once. Arguments: the key
-- column, the column that holds the organization ('' where a table belongs to none), and a third one where the row names its
-- patient by a care session. Values by sensitivity: see audit/column_sensitivities.sql.
-- Each `offset 0` keeps Postgres from merging a subquery into the one around it, where its document would be made anew for
-- each mention of it. Sequential scans are off because the small tables that are read here are cheaper by their keys.
create or replace function app_private.tg__audit() returns trigger as $$
declare
  v_facts app_private.request_facts := app_private.describe_request();
  v_table text := TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME;
  v_key_column text := TG_ARGV[0];
  v_organization_column text := TG_ARGV[1];
  v_patient_column text := case when TG_TABLE_NAME = 'patients' then 'id' else 'patient_id' end;
  -- Whose vault it is: whoever else changes something there does it for them.
  v_owner_column text := case when TG_TABLE_SCHEMA = 'app_vault' then 'user_id' else '' end;
  -- The patients of sessions, where the rows name these.
  v_patients jsonb;
  v_plain text[];
  v_phi text[];
begin
  if TG_NARGS > 2 and TG_OP = 'DELETE' then
    select app_private.patients_of_sessions(array_agg(distinct r.organization_id), array_agg(distinct r.care_session_id))
    into v_patients from old_rows r;
  elsif TG_NARGS > 2 then
    select app_private.patients_of_sessions(array_agg(distinct r.organization_id), array_agg(distinct r.care_session_id))
    into v_patients from new_rows r;
  end if;
  select s.plain, s.phi into v_plain, v_phi from app_audit.column_sensitivities s where s.table_name = v_table;
  if TG_OP = 'UPDATE' then
    insert into app_audit.events (
      organization_id, clinic_id, actor_id, session_id, actor_role, command, table_name, row_id, changed_fields,
      purpose_of_use, request_id, on_behalf_of, address_hash, device_hash, operation, document_hash, grant_id,
      patient_ids, changes
    )
    select r.organization_id, (r.record ->> 'clinic_id')::uuid, v_facts.actor_id, v_facts.session_id, v_facts.actor_role, TG_OP,
      v_table, (r.record ->> v_key_column)::uuid, coalesce(c.fields, '{}'), v_facts.purpose_of_use, v_facts.request_id,
      coalesce(v_facts.on_behalf_of, nullif((r.record ->> v_owner_column)::uuid, v_facts.actor_id)),
      v_facts.address_hash, v_facts.device_hash, v_facts.operation, v_facts.document_hash,
      g.id, array_remove(array[r.patient_id], null),
      nullif(
        case when c.old_values is null then '{}' else jsonb_build_object('old', c.old_values, 'new', c.new_values) end
        || case when c.old_hashes is null then '{}' else jsonb_build_object('oldHash', c.old_hashes, 'newHash', c.new_hashes) end,
        '{}'
      )
    from (
      select p.record, p.before, p.organization_id,
        case
          when v_patients is null then (p.record ->> v_patient_column)::uuid
          else (v_patients ->> (p.record ->> 'care_session_id'))::uuid
        end as patient_id,
        case when cardinality(v_phi) > 0 then (
          select k.key from app_audit.hash_keys k where k.organization_id = p.organization_id
        ) end as hash_key
      from (
        -- A full join cannot be made by comparing each row with each, whatever number of rows the plan was made for.
        select coalesce(n.record, o.record) as record, o.record as before,
          (coalesce(n.record, o.record) ->> v_organization_column)::uuid as organization_id
        from (select to_jsonb(new_row) as record from new_rows as new_row offset 0) as n
        full join (select to_jsonb(old_row) as record from old_rows as old_row offset 0) as o
          on n.record ->> v_key_column = o.record ->> v_key_column
        offset 0
      ) as p
      offset 0
    ) as r
    cross join lateral (
      select
        array_agg(f.key order by f.key) as fields,
        jsonb_object_agg(f.key, f.before) filter (where f.key = any (v_plain)) as old_values,
        jsonb_object_agg(f.key, f.after) filter (where f.key = any (v_plain)) as new_values,
        jsonb_object_agg(f.key, app_private.value_hash(r.hash_key, f.before))
          filter (where r.hash_key is not null and f.key = any (v_phi)) as old_hashes,
        jsonb_object_agg(f.key, app_private.value_hash(r.hash_key, f.after))
          filter (where r.hash_key is not null and f.key = any (v_phi)) as new_hashes
      from (
        select e.key, r.before -> e.key as before, e.value as after
        from jsonb_each(r.record) as e
        where e.value is distinct from r.before -> e.key
        and e.key not in ('updated_at', 'updated_by')
      ) as f
    ) as c
    left join lateral app_private.open_grants(v_facts.actor_id, array[r.patient_id]) as g (id) on true;
  -- A row that is new, or gone: the plain values it had, without those that are null.
  elsif TG_OP = 'INSERT' then
    insert into app_audit.events (
      organization_id, clinic_id, actor_id, session_id, actor_role, command, table_name, row_id, changed_fields,
      purpose_of_use, request_id, on_behalf_of, address_hash, device_hash, operation, document_hash, grant_id,
      patient_ids, changes
    )
    select r.organization_id, (r.record ->> 'clinic_id')::uuid, v_facts.actor_id, v_facts.session_id, v_facts.actor_role, TG_OP,
      v_table, (r.record ->> v_key_column)::uuid, array(select jsonb_object_keys(r.record) as key order by key), v_facts.purpose_of_use, v_facts.request_id,
      coalesce(v_facts.on_behalf_of, nullif((r.record ->> v_owner_column)::uuid, v_facts.actor_id)),
      v_facts.address_hash, v_facts.device_hash, v_facts.operation, v_facts.document_hash,
      g.id, array_remove(array[r.patient_id], null),
      (
        select jsonb_build_object('new', jsonb_object_agg(p.name, r.record -> p.name))
        from unnest(v_plain) as p (name)
        where r.record ? p.name
        having count(*) > 0
      )
    from (
      select s.record, (s.record ->> v_organization_column)::uuid as organization_id,
        case
          when v_patients is null then (s.record ->> v_patient_column)::uuid
          else (v_patients ->> (s.record ->> 'care_session_id'))::uuid
        end as patient_id
      from (select jsonb_strip_nulls(to_jsonb(new_row)) as record from new_rows as new_row offset 0) as s
      offset 0
    ) as r
    left join lateral app_private.open_grants(v_facts.actor_id, array[r.patient_id]) as g (id) on true;
  else
    insert into app_audit.events (
      organization_id, clinic_id, actor_id, session_id, actor_role, command, table_name, row_id, changed_fields,
      purpose_of_use, request_id, on_behalf_of, address_hash, device_hash, operation, document_hash, grant_id,
      patient_ids, changes
    )
    select r.organization_id, (r.record ->> 'clinic_id')::uuid, v_facts.actor_id, v_facts.session_id, v_facts.actor_role, TG_OP,
      v_table, (r.record ->> v_key_column)::uuid, '{}', v_facts.purpose_of_use, v_facts.request_id,
      coalesce(v_facts.on_behalf_of, nullif((r.record ->> v_owner_column)::uuid, v_facts.actor_id)),
      v_facts.address_hash, v_facts.device_hash, v_facts.operation, v_facts.document_hash,
      g.id, array_remove(array[r.patient_id], null),
      (
        select jsonb_build_object('old', jsonb_object_agg(p.name, r.record -> p.name))
        from unnest(v_plain) as p (name)
        where r.record ? p.name
        having count(*) > 0
      )
    from (
      select s.record, (s.record ->> v_organization_column)::uuid as organization_id,
        case
          when v_patients is null then (s.record ->> v_patient_column)::uuid
          else (v_patients ->> (s.record ->> 'care_session_id'))::uuid
        end as patient_id
      from (select jsonb_strip_nulls(to_jsonb(old_row)) as record from old_rows as old_row offset 0) as s
      offset 0
    ) as r
    left join lateral app_private.open_grants(v_facts.actor_id, array[r.patient_id]) as g (id) on true;
  end if;
  return null;
end;
$$ language plpgsql volatile security definer set search_path to '' set enable_seqscan to off;

grant execute on function app_private.tg__audit() to app_owner;

reset role;
--! EndIncluded audit/record_changes.sql
--! Included audit/audit_changes.sql
-- Puts a table on record. Idempotent; ALWAYS, because session_replication_role skips ordinary triggers. Where rows name a care
-- session and no patient, the trigger is told so.
create or replace function app_private.audit_changes(
  target regclass,
  key_column name = 'id',
  organization_column text = 'organization_id'
) returns void as $$
declare
  v_event record;
  v_session_argument text := coalesce((
    select format(', %L', min(a.attname))
    from pg_catalog.pg_attribute a
    where a.attrelid = audit_changes.target and a.attname in ('care_session_id', 'patient_id') and not a.attisdropped
    having array_agg(a.attname) = '{care_session_id}'
  ), '');
begin
  for v_event in
    select *
    from (values
      ('insert', 'referencing new table as new_rows'),
      ('update', 'referencing old table as old_rows new table as new_rows'),
      ('delete', 'referencing old table as old_rows')
    ) as events (command, transition_tables)
  loop
    execute format(
      'create or replace trigger _500_audit_%1$s after %1$s on %2$s %3$s'
      ' for each statement execute function app_private.tg__audit(%4$L, %5$L%6$s)',
      v_event.command,
      audit_changes.target,
      v_event.transition_tables,
      audit_changes.key_column,
      audit_changes.organization_column,
      v_session_argument
    );
    execute format('alter table %s enable always trigger _500_audit_%s', audit_changes.target, v_event.command);
  end loop;
end;
$$ language plpgsql volatile set search_path to '';
--! EndIncluded audit/audit_changes.sql
--! Included scheduling/care_sessions.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.care_sessions');
select app_private.allow_data_role('app_public.care_sessions');

create policy tenant_boundary on app_public.care_sessions
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

create policy select_clinic on app_public.care_sessions
  for select to app_user
  using (
    clinic_id = any (array(select app_hidden.readable_clinic_ids()))
    or patient_id in (select app_hidden.shared_patient_ids('{full_record}'))
    or id in (select app_hidden.shared_care_session_ids())
    or patient_id = any (array(select app_hidden.break_glass_patient_ids()))
    or patient_id = any (array(select app_hidden.my_patient_ids()))
  );

-- Staff organize, providers treat: only these write what happened in a session.
create policy insert_provider on app_public.care_sessions
  for insert to app_user
  with check (
    clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}')))
    and exists (
      select from app_public.patients p
      where p.organization_id = care_sessions.organization_id
      and p.id = care_sessions.patient_id
    )
  );

create policy update_provider on app_public.care_sessions
  for update to app_user
  using (clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))))
  with check (clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))));

-- calculate_metrics() counts them, in the clinics whose figures the caller may have made anew; the audit asks whose they are.
create policy select_definer on app_public.care_sessions
  for select to app_definer
  using (
    clinic_id = any (array(select app_hidden.measured_clinic_ids()))
    or organization_id = any ((select app_private.audited_organization_ids())::uuid[])
  );

grant
  select (
    id, organization_id, clinic_id, patient_id, provider_id, appointment_id, started_at, ended_at, status, kind,
    summary, cost_cents, payer_name, external_id, created_at, updated_at, created_by, updated_by
  ),
  insert (
    organization_id, clinic_id, patient_id, provider_id, appointment_id, started_at, ended_at, status, kind, summary,
    cost_cents, payer_name
  ),
  update (started_at, ended_at, status, kind, summary, cost_cents, payer_name)
on app_public.care_sessions to app_user;
grant select (id, organization_id, clinic_id, patient_id, started_at, status, cost_cents)
on app_public.care_sessions to app_definer;
-- No delete grant: what happened to a patient stays on record.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.care_sessions');
select app_private.audit_changes('app_public.care_sessions');
select app_private.announce_changes('app_public.care_sessions', 'clinic_id');

-- Documentation ---------------------------------------------------------------

comment on table app_public.care_sessions is 'What took place between a patient and a provider.';
comment on column app_public.care_sessions.id is 'The session’s id.';
comment on column app_public.care_sessions.organization_id is 'The organization that runs the clinic.';
comment on column app_public.care_sessions.clinic_id is 'Where it took place.';
comment on column app_public.care_sessions.patient_id is E'@sensitivity phi\nThe patient.';
comment on column app_public.care_sessions.provider_id is 'Who saw the patient.';
comment on column app_public.care_sessions.appointment_id is 'The appointment that led to it, if there was one.';
comment on column app_public.care_sessions.started_at is 'When it started.';
comment on column app_public.care_sessions.ended_at is 'When it ended.';
comment on column app_public.care_sessions.status is E'@isIndexed\nHow it stands.';
comment on column app_public.care_sessions.kind is 'What kind of care it was.';
comment on column app_public.care_sessions.summary is E'@sensitivity phi\nWhat was found and done, in a few words.';
comment on column app_public.care_sessions.cost_cents is 'What was charged, in cents.';
comment on column app_public.care_sessions.payer_name is E'@sensitivity phi\nWho pays.';
comment on column app_public.care_sessions.external_id is 'Its id in the system it was imported from.';
comment on column app_public.care_sessions.created_at is 'When the record was made.';
comment on column app_public.care_sessions.updated_at is 'When the record last changed.';
comment on column app_public.care_sessions.created_by is 'Who made the record.';
comment on column app_public.care_sessions.updated_by is 'Who changed the record last.';
comment on type app_public.care_session_status is '@value planned It has not begun.
@value in_progress It is going on.
@value completed It is over.
How a care session stands.';
comment on constraint care_sessions_provider_fkey on app_public.care_sessions is E'@fieldName provider\n@foreignFieldName careSessions';
--! EndIncluded scheduling/care_sessions.sql
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

-- The monthly cleanup (jobs/clean_up.sql); that it was shared stays in the audit.
create policy select_expired_definer on app_public.resource_shares
  for select to app_definer
  using (expires_at < now() - interval '90 days');
create policy delete_expired_definer on app_public.resource_shares
  for delete to app_definer
  using (expires_at < now() - interval '90 days');

grant select (id, expires_at), delete on app_public.resource_shares to app_definer;
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
