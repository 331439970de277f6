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

--!include practice/session_transcripts.sql
--!include practice/write_transcript.sql
--!include practice/session_templates.sql
--!include practice/save_session_template.sql
--!include practice/export_requests.sql
--!include practice/request_export.sql
--!include practice/export_rows.sql
--!include practice/format_export_data.sql
