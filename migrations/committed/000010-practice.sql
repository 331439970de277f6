--! Previous: sha1:339e59702d22c78cfe8d8093112fafdc84439e36
--! Hash: sha1:98c0a0e386ea1410234db2e905d161368d5aad26
--! Message: practice

--! split: 1-current.sql
-- Enter migration here; `--!include <domain>/<file>.sql` takes in a fixture.

--! split: 080-practice.sql
do $$
begin
  if to_regtype('app_public.transcript_status') is null then
    create type app_public.transcript_status as enum ('draft', 'final');
  end if;
  if to_regtype('app_public.template_scope') is null then
    create type app_public.template_scope as enum ('system', 'organization', 'clinic');
  end if;
  if to_regtype('app_public.export_kind') is null then
    create type app_public.export_kind as enum ('patients', 'appointments', 'care_sessions', 'metrics');
  end if;
  if to_regtype('app_public.export_format') is null then
    create type app_public.export_format as enum ('csv', 'json');
  end if;
  if to_regtype('app_public.export_status') is null then
    create type app_public.export_status as enum ('requested', 'ready', 'cancelled');
  end if;
  if to_regtype('app_public.export_filter') is null then
    create type app_public.export_filter as (first_day date, last_day date, status text);
  end if;
end
$$;

create table if not exists app_public.session_transcripts (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null default app_hidden.default_organization_id(),
  clinic_id uuid not null default app_hidden.default_clinic_id(),
  care_session_id uuid not null,
  language text not null default 'en-CA',
  status app_public.transcript_status not null default 'draft',
  segments jsonb not null default '[]',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  unique (organization_id, id),
  foreign key (organization_id, clinic_id, care_session_id)
    references app_public.care_sessions (organization_id, clinic_id, id) on delete restrict,
  constraint session_transcripts_language_is_a_tag check (language ~ '^[a-z]{2,3}(-[A-Z]{2})?$'),
  -- Said in order: `[{"startMs": 0, "endMs": 1200, "speaker": "provider", "text": "…"}]`.
  constraint session_transcripts_segments_are_said check (
    jsonb_typeof(segments) = 'array'
    and not jsonb_path_exists(
      segments,
      '$[*] ? (!(@.startMs.type() == "number" && @.endMs.type() == "number" && @.endMs >= @.startMs
        && @.speaker.type() == "string" && @.text.type() == "string"))'
    )
  ),
  constraint session_transcripts_segments_are_limited check (octet_length(segments::text) <= 4 * 1024 * 1024)
);
create index if not exists session_transcripts_organization_id_care_session_id_idx
  on app_public.session_transcripts (organization_id, clinic_id, care_session_id, created_at desc, id desc);

-- A change is a new version: what was written with a template stays explained by it. A system template belongs to no
-- organization, hence the nullable tenant; `scope` says which columns must be filled.
create table if not exists app_public.session_templates (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid references app_public.organizations on delete cascade,
  clinic_id uuid,
  scope app_public.template_scope not null generated always as (
    case
      when organization_id is null then 'system'::app_public.template_scope
      when clinic_id is null then 'organization'::app_public.template_scope
      else 'clinic'::app_public.template_scope
    end
  ) stored,
  name text not null,
  version int not null,
  body text not null,
  retired_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  unique nulls not distinct (organization_id, clinic_id, name, version),
  foreign key (organization_id, clinic_id) references app_public.clinics (organization_id, id) on delete restrict,
  constraint session_templates_clinic_has_organization check (clinic_id is null or organization_id is not null),
  constraint session_templates_name_is_short check (length(name) between 1 and 200),
  constraint session_templates_version_counts check (version >= 1),
  constraint session_templates_body_is_limited check (length(body) between 1 and 100000)
);

create table if not exists app_public.export_requests (
  id uuid primary key default app_hidden.uuid_v7(),
  organization_id uuid not null default app_hidden.default_organization_id(),
  clinic_id uuid not null default app_hidden.default_clinic_id(),
  kind app_public.export_kind not null,
  filter app_public.export_filter not null default row(null, null, null)::app_public.export_filter,
  format app_public.export_format not null default 'csv',
  status app_public.export_status not null default 'requested',
  row_count int,
  content_sha256 text,
  formatted_at timestamptz,
  expires_at timestamptz not null default now() + interval '7 days',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  created_by uuid,
  updated_by uuid,
  unique (organization_id, id),
  foreign key (organization_id, clinic_id) references app_public.clinics (organization_id, id) on delete restrict,
  constraint export_requests_filter_is_a_period check ((filter).last_day >= (filter).first_day),
  constraint export_requests_ready_is_measured check (
    (status = 'ready') = (row_count is not null and content_sha256 is not null and formatted_at is not null)
  ),
  constraint export_requests_hash_is_sha256 check (content_sha256 ~ '^[0-9a-f]{64}$'),
  constraint export_requests_expires_soon check (expires_at <= created_at + interval '30 days')
);
create index if not exists export_requests_organization_id_clinic_id_idx
  on app_public.export_requests (organization_id, clinic_id, created_at desc, id desc);
create index if not exists export_requests_organization_id_created_by_idx
  on app_public.export_requests (organization_id, created_by, created_at desc, id desc);

--! Included practice/session_transcripts.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.session_transcripts');
select app_private.allow_data_role('app_public.session_transcripts');

create policy tenant_boundary on app_public.session_transcripts
  as restrictive to app_user
  using (organization_id = any (array(select app_hidden.my_organization_ids())))
  with check (organization_id = any (array(select app_hidden.my_organization_ids())));

-- The clinic sees its transcripts as they grow. Whoever sees the session for another reason (the patient, a clinic it
-- is shared with) sees them when they are final; the subquery is under the policies of care_sessions.
create policy select_session on app_public.session_transcripts
  for select to app_user
  using (
    clinic_id = any (array(select app_hidden.readable_clinic_ids()))
    or (
      status = 'final'
      and exists (
        select from app_public.care_sessions s
        where s.organization_id = session_transcripts.organization_id
        and s.id = session_transcripts.care_session_id
      )
    )
  );

create policy insert_provider on app_public.session_transcripts
  for insert to app_user
  with check (clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))));

create policy update_provider on app_public.session_transcripts
  for update to app_user
  using (clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))))
  with check (clinic_id = any (array(select app_hidden.clinic_ids_with_role('{clinic_admin,provider}'))));

grant
  select (
    id, organization_id, clinic_id, care_session_id, language, status, segments, created_at, updated_at, created_by,
    updated_by
  ),
  insert (organization_id, clinic_id, care_session_id, language, segments),
  update (language, status, segments)
on app_public.session_transcripts to app_user;
-- No delete grant: what was said stays on record. No update of the session: it would be said somewhere else.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.session_transcripts');
select app_private.audit_changes('app_public.session_transcripts');

create or replace function app_private.tg_session_transcripts__keep_final() returns trigger as $$
begin
  raise exception 'A final transcript does not change any more.' using errcode = 'CNFLT';
end;
$$ language plpgsql volatile set search_path to '';

create or replace trigger _300_keep_final
  before update on app_public.session_transcripts
  for each row
  when (OLD.status = 'final')
  execute function app_private.tg_session_transcripts__keep_final();

-- Documentation ---------------------------------------------------------------

comment on table app_public.session_transcripts is
  E'@behavior -insert\nWhat was said in a care session. See `writeTranscript` and `finalizeTranscript`.';
comment on column app_public.session_transcripts.id is 'The transcript’s id.';
comment on column app_public.session_transcripts.organization_id is 'The organization that runs the clinic.';
comment on column app_public.session_transcripts.clinic_id is 'The clinic of the session.';
comment on column app_public.session_transcripts.care_session_id is 'The session.';
comment on column app_public.session_transcripts.language is 'The language spoken, such as `en` or `fr-CA`.';
comment on column app_public.session_transcripts.status is
  E'@behavior -attribute:update\nA draft can change and is seen by the clinic only; a final one stays as it is.';
comment on column app_public.session_transcripts.segments is
  E'@sensitivity phi\nWhat was said, in order: a list of `{startMs, endMs, speaker, text}`.';
comment on column app_public.session_transcripts.created_at is 'When it was begun.';
comment on column app_public.session_transcripts.updated_at is 'When it last changed.';
comment on column app_public.session_transcripts.created_by is 'Who began it.';
comment on column app_public.session_transcripts.updated_by is 'Who changed it last.';
comment on type app_public.transcript_status is '@value draft It is still being written.
@value final It stays as it is.
How far a transcript is.';
--! EndIncluded practice/session_transcripts.sql
--! Included practice/write_transcript.sql
-- Invoker: the policies decide. A session the caller cannot see, one of another tenant and none at all get one answer.

create or replace function app_public.write_transcript(
  care_session_id uuid,
  segments jsonb,
  language text = 'en-CA'
) returns app_public.session_transcripts as $$
declare
  v_transcript app_public.session_transcripts;
begin
  insert into app_public.session_transcripts (organization_id, clinic_id, care_session_id, language, segments)
  select s.organization_id, s.clinic_id, s.id, write_transcript.language, write_transcript.segments
  from app_public.care_sessions s
  where s.id = write_transcript.care_session_id
  returning * into v_transcript;
  if v_transcript.id is null then
    raise exception 'There is no such care session.' using errcode = 'NTFND';
  end if;
  return v_transcript;
end;
$$ language plpgsql volatile strict set search_path to '';

create or replace function app_public.finalize_transcript(transcript_id uuid)
returns app_public.session_transcripts as $$
declare
  v_transcript app_public.session_transcripts;
begin
  update app_public.session_transcripts t
  set status = 'final'
  where t.id = finalize_transcript.transcript_id
  returning * into v_transcript;
  if v_transcript.id is null then
    raise exception 'There is no such transcript.' using errcode = 'NTFND';
  end if;
  return v_transcript;
end;
$$ language plpgsql volatile strict set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_public.write_transcript(uuid, jsonb, text),
  app_public.finalize_transcript(uuid)
to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.write_transcript(uuid, jsonb, text) is '@argument segments What was said, in order: a list of `{startMs, endMs, speaker, text}`.
@argument language The language tag, such as `fr-CA`.
Begins a transcript of a care session.';
comment on function app_public.finalize_transcript(uuid) is
  'Declares a transcript final. From then on it does not change, and the patient sees it.';
--! EndIncluded practice/write_transcript.sql
--! Included practice/session_templates.sql
-- Access ----------------------------------------------------------------------

select app_private.reset_access('app_public.session_templates');
select app_private.allow_data_role('app_public.session_templates');

-- The null is the system's own: everybody who is signed in reads it, and only a superadmin writes it.
create policy tenant_boundary on app_public.session_templates
  as restrictive to app_user
  using (
    organization_id = any (array(select app_hidden.my_organization_ids()))
    or organization_id is null
  )
  with check (
    organization_id = any (array(select app_hidden.my_organization_ids()))
    or (organization_id is null and (select app_hidden.is_superadmin()))
  );

-- A patient of the organization reads the system's templates only.
create policy select_scope on app_public.session_templates
  for select to app_user
  using (
    case scope
      when 'system' then (select app_hidden.current_user_id()) is not null
      when 'organization' then
        organization_id = any (array(select app_hidden.organization_ids_with_role('{owner,admin,member,viewer}')))
        or (select app_hidden.is_superadmin())
      when 'clinic' then clinic_id = any (array(select app_hidden.metric_clinic_ids()))
    end
  );

-- The one thing a superadmin writes: what belongs to no organization.
create policy insert_scope on app_public.session_templates
  for insert to app_user
  with check (
    case
      when organization_id is null then (select app_hidden.is_superadmin())
      when clinic_id is null then organization_id = any (array(select app_hidden.administered_organization_ids()))
      else
        clinic_id = any (array(select app_hidden.administered_clinic_ids()))
        or clinic_id = any (array(select app_hidden.clinic_ids_with_role('{provider}')))
    end
  );

create policy update_scope on app_public.session_templates
  for update to app_user
  using (
    case
      when organization_id is null then (select app_hidden.is_superadmin())
      when clinic_id is null then organization_id = any (array(select app_hidden.administered_organization_ids()))
      else
        clinic_id = any (array(select app_hidden.administered_clinic_ids()))
        or clinic_id = any (array(select app_hidden.clinic_ids_with_role('{provider}')))
    end
  )
  with check (
    case
      when organization_id is null then (select app_hidden.is_superadmin())
      when clinic_id is null then organization_id = any (array(select app_hidden.administered_organization_ids()))
      else
        clinic_id = any (array(select app_hidden.administered_clinic_ids()))
        or clinic_id = any (array(select app_hidden.clinic_ids_with_role('{provider}')))
    end
  );

grant
  select (
    id, organization_id, clinic_id, scope, name, version, body, retired_at, created_at, updated_at, created_by,
    updated_by
  ),
  insert (organization_id, clinic_id, name, version, body),
  update (retired_at)
on app_public.session_templates to app_user;
-- No update of the body: save_session_template() makes a new version. No delete grant: what was written with a template
-- stays explained by it; it is retired instead.

-- Triggers --------------------------------------------------------------------

select app_private.install_row_triggers('app_public.session_templates');
select app_private.audit_changes('app_public.session_templates');

-- Documentation ---------------------------------------------------------------

comment on table app_public.session_templates is
  E'@behavior -insert -update\nA form for the notes of a care session, in all its versions. See `saveSessionTemplate`.';
comment on column app_public.session_templates.id is 'The id of this version.';
comment on column app_public.session_templates.organization_id is 'The organization; null for a system template.';
comment on column app_public.session_templates.clinic_id is 'The clinic, if it belongs to one.';
comment on column app_public.session_templates.scope is 'Whose it is: everybody’s, an organization’s or a clinic’s.';
comment on column app_public.session_templates.name is 'What it is called; all its versions share the name.';
comment on column app_public.session_templates.version is 'Counts from 1; the highest one is current.';
comment on column app_public.session_templates.body is 'The form, in Markdown.';
comment on column app_public.session_templates.retired_at is 'When it went out of use; null while it is in use.';
comment on column app_public.session_templates.created_at is 'When this version was saved.';
comment on column app_public.session_templates.updated_at is 'When this version last changed.';
comment on column app_public.session_templates.created_by is 'Who saved this version.';
comment on column app_public.session_templates.updated_by is 'Who changed this version last.';
comment on type app_public.template_scope is '@value system Everybody’s.
@value organization One organization’s.
@value clinic One clinic’s.
Whose a template is.';
--! EndIncluded practice/session_templates.sql
--! Included practice/save_session_template.sql
-- Invoker: the policies of session_templates decide who may write for whom.

-- An optimistic lock: of two people who change the same version, the second is told so.
create or replace function app_public.save_session_template(
  name text,
  body text,
  organization_id uuid = app_hidden.default_organization_id(),
  clinic_id uuid = null,
  version int = 1
) returns app_public.session_templates as $$
declare
  v_current int;
  v_template app_public.session_templates;
begin
  select max(t.version) into v_current
  from app_public.session_templates t
  where t.organization_id is not distinct from save_session_template.organization_id
  and t.clinic_id is not distinct from save_session_template.clinic_id
  and t.name = save_session_template.name;
  if save_session_template.version is distinct from coalesce(v_current, 0) + 1 then
    raise exception 'The next version is %, not %.', coalesce(v_current, 0) + 1, save_session_template.version
      using errcode = 'CNFLT';
  end if;
  insert into app_public.session_templates (organization_id, clinic_id, name, version, body)
  values (
    save_session_template.organization_id,
    save_session_template.clinic_id,
    save_session_template.name,
    save_session_template.version,
    save_session_template.body
  )
  returning * into v_template;
  return v_template;
exception
  when unique_violation then
    raise exception 'Somebody else has just saved version %.', save_session_template.version using errcode = 'CNFLT';
end;
$$ language plpgsql volatile set search_path to '';

create or replace function app_public.retire_session_template(template_id uuid)
returns app_public.session_templates as $$
declare
  v_template app_public.session_templates;
begin
  update app_public.session_templates t
  set retired_at = coalesce(t.retired_at, now())
  where t.id = retire_session_template.template_id
  returning * into v_template;
  if v_template.id is null then
    raise exception 'There is no such template.' using errcode = 'NTFND';
  end if;
  return v_template;
end;
$$ language plpgsql volatile strict set search_path to '';

create or replace function app_public.current_session_templates() returns setof app_public.session_templates as $$
  select t.*
  from (
    select distinct on (v.organization_id, v.clinic_id, v.name) v.*
    from app_public.session_templates v
    order by v.organization_id, v.clinic_id, v.name, v.version desc
  ) t
  where t.retired_at is null
  order by t.scope desc, t.name, t.id;
$$ language sql stable parallel safe set search_path to '';

-- Access ----------------------------------------------------------------------

grant execute on function
  app_public.save_session_template(text, text, uuid, uuid, int),
  app_public.retire_session_template(uuid),
  app_public.current_session_templates()
to app_user;

-- Documentation ---------------------------------------------------------------

comment on function app_public.save_session_template(text, text, uuid, uuid, int) is '@argument name The template’s name.
@argument body The form, as text.
@argument version The version to save: 1 for a new template, otherwise the current one plus one.
Saves a template’s next version. Without a clinic it is the organization’s, with organizationId null (superadmins only) everybody’s.';
comment on function app_public.retire_session_template(uuid) is
  'Takes a template out of use. Retiring its current version retires it as a whole; saving another brings it back.';
comment on function app_public.current_session_templates() is
  'The current version of every template in use that the caller may use; the most specific scope first.';
--! EndIncluded practice/save_session_template.sql
