import type { Client } from "pg";

import { SYNTHEA_FILES } from "./syntheaFiles.ts";

/**
 * Rejects staged rows that cannot be written and works out what the others become, in temporary tables `target_…`. Ids
 * are UUIDs of version 5 (RFC 9562, section 5.5) of what the rows are in the export, so that a second import meets them.
 * They hold the organization's id where the row belongs to one: an export cannot claim the id of another tenant's row.
 */
export async function resolveExport(client: Client): Promise<void> {
  await client.query(NAMED_UUID);
  await client.query(REJECTIONS);
  for (const { name, table } of SYNTHEA_FILES) {
    await client.query(rejectInvalid(table), [name]);
    await client.query(rejectDuplicates(table), [name]);
  }
  for (const statement of [
    TARGET_ORGANIZATIONS,
    TARGET_CLINICS,
    REJECT_PROVIDERS,
    TARGET_PROVIDERS,
    REJECT_ENCOUNTERS,
    TARGET_ENCOUNTERS,
    "create index on pg_temp.target_encounters (organization_id, patient_id)",
    "analyze pg_temp.target_encounters",
    TARGET_PATIENTS,
    "analyze pg_temp.target_patients",
    REJECT_PATIENTS,
  ]) {
    await client.query(statement);
  }
}

const NAMESPACE = "5ff2f4b8-2f3c-4c1f-9d54-6a2b3a8f1e07";

const NAMED_UUID = `\
create or replace function pg_temp.named_uuid(name text) returns uuid as $$
  select encode(set_byte(set_byte(h, 6, get_byte(h, 6) & 15 | 80), 8, get_byte(h, 8) & 63 | 128), 'hex')::uuid
  from (
    select substring(
      extensions.digest(decode('${NAMESPACE.replaceAll("-", "")}', 'hex') || convert_to($1, 'UTF8'), 'sha1') from 1 for 16
    ) as h
  ) hashed
$$ language sql immutable strict parallel safe`;

const REJECTIONS = `\
create temporary table rejections (
  file text not null, line integer not null, id uuid, reason text not null, detail text not null
) on commit drop`;

function rejectInvalid(table: string): string {
  return `\
with rejected as (
  delete from ${table} s
  where s.reason is not null
  returning s.line, s.id, s.reason, s.detail
)
insert into pg_temp.rejections select $1, line, id, reason, detail from rejected`;
}

function rejectDuplicates(table: string): string {
  return `\
with repeated as (
  select s.line, min(s.line) over (partition by s.id) as first_line
  from ${table} s
),
rejected as (
  delete from ${table} s
  using repeated r
  where r.line = s.line
  and r.line > r.first_line
  returning s.line, s.id, 'line ' || r.first_line || ' has the same id' as detail
)
insert into pg_temp.rejections select $1, line, id, 'duplicate_id', detail from rejected`;
}

// Two towns of different scripts may lose all their letters in a slug, and two of different accents may become one:
// such get a piece of their id behind it.
const TARGET_ORGANIZATIONS = `\
create temporary table target_organizations on commit drop as
with cities as (
  select distinct upper(o.city) as city, upper(o.state) as state
  from pg_temp.staged_organizations o
),
folded as (
  select c.*, pg_temp.named_uuid('organization/' || c.state || '/' || c.city) as id,
    regexp_replace(
      normalize(lower(concat_ws(' ', left(c.city, 60), nullif(left(c.state, 20), ''), 'clinics')), nfd),
      '[\\u0300-\\u036f]', '', 'g'
    ) as folded
  from cities c
),
slugged as (
  select f.*, trim(both '-' from regexp_replace(f.folded, '[^a-z0-9]+', '-', 'g')) as slug
  from folded f
)
select s.id, s.city, s.state, concat_ws('/', 'synthea', nullif(s.state, ''), s.city) as external_id,
  left(initcap(lower(s.city)), 190) || ' Clinics' as name,
  s.slug || case
    when s.folded ~ '[^\\u0001-\\u007f]' or count(*) over (partition by s.slug) > 1 then '-' || left(s.id::text, 8)
    else ''
  end as slug
from slugged s`;

const TARGET_CLINICS = `\
create temporary table target_clinics on commit drop as
select pg_temp.named_uuid('clinic/' || t.id || '/' || o.id) as id, t.id as organization_id, o.id as external_id, o.name
from pg_temp.staged_organizations o
join pg_temp.target_organizations t on t.city = upper(o.city) and t.state = upper(o.state)`;

const REJECT_PROVIDERS = `\
with rejected as (
  delete from pg_temp.staged_providers p
  where not exists (select from pg_temp.target_clinics c where c.external_id = p.organization_id)
  returning p.line, p.id
)
insert into pg_temp.rejections
select 'providers.csv', line, id, 'unknown_reference', 'ORGANIZATION is not among the organizations imported'
from rejected`;

const TARGET_PROVIDERS = `\
create temporary table target_providers on commit drop as
select p.id as external_id, pg_temp.named_uuid('user/' || p.id) as user_id, c.organization_id, c.id as clinic_id,
  p.display_name, p.speciality
from pg_temp.staged_providers p
join pg_temp.target_clinics c on c.external_id = p.organization_id`;

const REJECT_ENCOUNTERS = `\
with examined as (
  select e.line, concat_ws(
    ', ',
    case when o.external_id is null then 'ORGANIZATION is not among the organizations imported' end,
    case when p.external_id is null then 'PROVIDER is not among the providers imported' end,
    case when q.id is null then 'PATIENT is not among the patients imported' end
  ) as detail
  from pg_temp.staged_encounters e
  left join pg_temp.target_clinics o on o.external_id = e.organization_id
  left join pg_temp.target_providers p on p.external_id = e.provider_id
  left join pg_temp.staged_patients q on q.id = e.patient_id
),
rejected as (
  delete from pg_temp.staged_encounters e
  using examined x
  where x.line = e.line
  and x.detail <> ''
  returning e.line, e.id, x.detail
)
insert into pg_temp.rejections select 'encounters.csv', line, id, 'unknown_reference', detail from rejected`;

const TARGET_ENCOUNTERS = `\
create temporary table target_encounters on commit drop as
select e.line, e.id as external_id, c.organization_id, c.id as clinic_id,
  pg_temp.named_uuid('appointment/' || c.organization_id || '/' || e.id) as appointment_id,
  pg_temp.named_uuid('care_session/' || c.organization_id || '/' || e.id) as care_session_id,
  pg_temp.named_uuid('patient/' || c.organization_id || '/' || e.patient_id) as patient_id,
  e.patient_id as external_patient_id, p.user_id as provider_id, e.started_at, e.ended_at,
  coalesce(e.kind, 'visit') as kind, e.description, e.reason_description, e.cost_cents, y.name as payer_name
from pg_temp.staged_encounters e
join pg_temp.target_clinics c on c.external_id = e.organization_id
join pg_temp.target_providers p on p.external_id = e.provider_id
left join pg_temp.staged_payers y on y.id = e.payer_id`;

// At home where they were seen first.
const TARGET_PATIENTS = `\
create temporary table target_patients on commit drop as
select distinct on (e.organization_id, e.patient_id)
  e.patient_id as id, e.organization_id, e.clinic_id as home_clinic_id, e.external_patient_id as external_id
from pg_temp.target_encounters e
order by e.organization_id, e.patient_id, e.started_at, e.external_id`;

const REJECT_PATIENTS = `\
insert into pg_temp.rejections
select 'patients.csv', q.line, q.id, 'not_visited', 'no encounter that can be imported is the patient’s'
from pg_temp.staged_patients q
where not exists (select from pg_temp.target_patients t where t.external_id = q.id)`;
