import type { Client } from "pg";

import { WRITTEN_TABLES, type WrittenRows, type WrittenTable } from "../importReport.ts";

/**
 * Writes the targets of `resolveExport` as `app_data`, within the organizations they belong to. Rows of an earlier import
 * stay as they are, and leave no trace in the audit. What overlaps an appointment is added to the rejections.
 *
 * @param onWrite called before each table.
 */
export async function writeTargets(
  client: Client,
  { timezone, onWrite }: { timezone: string; onWrite?: (table: WrittenTable, index: number) => void },
): Promise<Record<WrittenTable, WrittenRows>> {
  await client.query(DECLARE_SCOPE);
  const written = {} as Record<WrittenTable, WrittenRows>;
  for (const [index, table] of WRITTEN_TABLES.entries()) {
    onWrite?.(table, index);
    const { inserts, wanted, clash } = STATEMENTS[table];
    let imported = 0;
    for (const insert of inserts) {
      imported += (await client.query(insert, table === "clinics" ? [timezone] : [])).rowCount ?? 0;
    }
    await assertNoClash(client, clash);
    if (table === "appointments") {
      await client.query(REJECT_OVERLAPS);
    }
    const { rows } = await client.query<{ count: string }>(`select count(*) from ${wanted} as wanted`);
    written[table] = { imported, alreadyThere: Number(rows[0]?.count) - imported };
  }
  return written;
}

/** `on conflict do nothing` also keeps silent about a row that is in the way of ours. */
async function assertNoClash(client: Client, clash: string | undefined): Promise<void> {
  const { rows } = clash === undefined ? { rows: [] } : await client.query<{ clash: string }>(clash);
  if (rows[0] !== undefined) {
    throw new Error(rows[0].clash);
  }
}

interface TableStatements {
  /** Run in turn; together they insert what is not there yet. */
  inserts: string[];
  /** What the table holds of the export in the end, as a FROM item. */
  wanted: string;
  /** One row with a sentence for a target that is neither written nor there. */
  clash?: string;
}

const DECLARE_SCOPE = `\
select set_config('app.data_scope', coalesce(string_agg(id::text, ','), ''), true) from pg_temp.target_organizations`;

const PROVIDER_ORGANIZATIONS = `(
  select distinct p.organization_id, p.user_id from pg_temp.target_providers p
  union
  select distinct e.organization_id, e.provider_id from pg_temp.target_encounters e
)`;

// A provider mostly works in the organization that the export names, and now and then in another one.
const PROVIDER_CLINICS = `(
  select p.organization_id, p.clinic_id, p.user_id from pg_temp.target_providers p
  union
  select e.organization_id, e.clinic_id, e.provider_id from pg_temp.target_encounters e
)`;

// The home clinic is the patient's own, which an earlier import or a person may have made another than ours.
const SHARED_PATIENTS = `(
  select distinct e.organization_id, e.clinic_id, e.patient_id, p.home_clinic_id
  from pg_temp.target_encounters e
  join app_public.patients p on p.organization_id = e.organization_id and p.id = e.patient_id
  where e.clinic_id <> p.home_clinic_id
)`;

const WRITTEN_ENCOUNTERS = `(
  select e.*
  from pg_temp.target_encounters e
  join app_public.appointments a on a.organization_id = e.organization_id and a.id = e.appointment_id
)`;

const INSERT_CLINICS = (name: string) => `\
insert into app_public.clinics (id, organization_id, name, timezone, locale, external_id)
select t.id, t.organization_id, ${name}, $1, 'en_US', t.external_id::text
from pg_temp.target_clinics t
where not exists (
  select from app_public.clinics c where c.organization_id = t.organization_id and c.id = t.id
)
order by t.external_id
on conflict do nothing`;

const STATEMENTS: Record<WrittenTable, TableStatements> = {
  organizations: {
    inserts: [
      `\
insert into app_public.organizations (id, name, slug, external_id)
select t.id, t.name, t.slug, t.external_id from pg_temp.target_organizations t
on conflict do nothing`,
    ],
    wanted: "pg_temp.target_organizations",
    clash: `\
select format('Another organization has the slug ''%s'' that the clinics of %s need', t.slug, initcap(t.city)) as clash
from pg_temp.target_organizations t
where not exists (select from app_public.organizations o where o.id = t.id)
limit 1`,
  },
  clinics: {
    // Two of a city may have one name; the second insert takes those whose name is taken.
    inserts: [
      INSERT_CLINICS("t.name"),
      INSERT_CLINICS("left(t.name, 180) || ' (' || left(t.external_id::text, 8) || ')'"),
    ],
    wanted: "pg_temp.target_clinics",
    clash: `\
select format('Another clinic of its organization has the name or the id of the clinic ''%s''', t.external_id) as clash
from pg_temp.target_clinics t
where not exists (select from app_public.clinics c where c.id = t.id)
limit 1`,
  },
  users: {
    inserts: [
      `\
insert into app_public.users (id, legacy_id)
select p.user_id, 'synthea/' || p.external_id from pg_temp.target_providers p
on conflict do nothing`,
    ],
    wanted: "pg_temp.target_providers",
  },
  organization_memberships: {
    inserts: [
      `\
insert into app_public.organization_memberships (id, organization_id, user_id, role)
select pg_temp.named_uuid('organization_membership/' || m.organization_id || '/' || m.user_id),
  m.organization_id, m.user_id, 'member'
from ${PROVIDER_ORGANIZATIONS} m
on conflict do nothing`,
    ],
    wanted: PROVIDER_ORGANIZATIONS,
  },
  clinic_memberships: {
    inserts: [
      `\
insert into app_public.clinic_memberships (
  id, organization_id, clinic_id, user_id, role, display_name, speciality
)
select pg_temp.named_uuid('clinic_membership/' || m.clinic_id || '/' || m.user_id),
  m.organization_id, m.clinic_id, m.user_id, 'provider', p.display_name, initcap(lower(p.speciality))
from ${PROVIDER_CLINICS} m
join pg_temp.target_providers p on p.user_id = m.user_id
on conflict do nothing`,
    ],
    wanted: PROVIDER_CLINICS,
  },
  patients: {
    inserts: [
      `\
insert into app_public.patients (
  id, organization_id, home_clinic_id, mrn, given_name, family_name, birth_date, death_date, sex, address, city, region,
  postal_code, external_id
)
select t.id, t.organization_id, t.home_clinic_id,
  'S-' || upper(left(replace(t.external_id::text, '-', ''), 16)), q.given_name, q.family_name, q.birth_date,
  q.death_date, q.sex, q.address, q.city, q.region, q.postal_code, t.external_id::text
from pg_temp.target_patients t
join pg_temp.staged_patients q on q.id = t.external_id
on conflict do nothing`,
    ],
    wanted: "pg_temp.target_patients",
    clash: `\
select format('Another patient of its organization has the record number or the id of the patient ''%s''', t.external_id)
  as clash
from pg_temp.target_patients t
where not exists (
  select from app_public.patients p where p.organization_id = t.organization_id and p.id = t.id
)
limit 1`,
  },
  patient_clinic_links: {
    inserts: [
      `\
insert into app_public.patient_clinic_links (id, organization_id, clinic_id, patient_id, home_clinic_id, access)
select pg_temp.named_uuid('patient_clinic_link/' || s.clinic_id || '/' || s.patient_id),
  s.organization_id, s.clinic_id, s.patient_id, s.home_clinic_id, 'full_record'
from ${SHARED_PATIENTS} s
on conflict do nothing`,
    ],
    wanted: SHARED_PATIENTS,
  },
  appointments: {
    // Of two that overlap the earlier one is written, of two that start together the shorter one: the constraint refuses
    // the other one, whether it stands in this export or came before it.
    inserts: [
      `\
insert into app_public.appointments (
  id, organization_id, clinic_id, patient_id, provider_id, during, status, kind, reason, external_id
)
select e.appointment_id, e.organization_id, e.clinic_id, e.patient_id, e.provider_id,
  tstzrange(e.started_at, e.ended_at),
  case
    when e.ended_at <= now() then 'completed'
    when e.started_at <= now() then 'arrived'
    else 'booked'
  end::app_public.appointment_status,
  e.kind, coalesce(e.reason_description, e.description), e.external_id::text
from pg_temp.target_encounters e
order by e.started_at, e.ended_at, e.external_id
on conflict do nothing`,
    ],
    wanted: WRITTEN_ENCOUNTERS,
  },
  care_sessions: {
    inserts: [
      `\
insert into app_public.care_sessions (
  id, organization_id, clinic_id, patient_id, provider_id, appointment_id, started_at, ended_at, status, kind, summary,
  cost_cents, payer_name, external_id
)
select e.care_session_id, e.organization_id, e.clinic_id, e.patient_id, e.provider_id, e.appointment_id, e.started_at,
  case when e.ended_at <= now() then e.ended_at end,
  case
    when e.ended_at <= now() then 'completed'
    when e.started_at <= now() then 'in_progress'
    else 'planned'
  end::app_public.care_session_status,
  e.kind, nullif(concat_ws(': ', e.description, e.reason_description), ''), e.cost_cents, e.payer_name,
  e.external_id::text
from ${WRITTEN_ENCOUNTERS} e
on conflict do nothing`,
    ],
    wanted: WRITTEN_ENCOUNTERS,
  },
};

const REJECT_OVERLAPS = `\
insert into pg_temp.rejections
select 'encounters.csv', e.line, e.external_id, 'overlap',
  coalesce('overlaps encounter ' || o.external_id, 'overlaps an appointment') || ' of the same provider'
from pg_temp.target_encounters e
left join lateral (
  select a.external_id
  from app_public.appointments a
  where a.organization_id = e.organization_id
  and a.provider_id = e.provider_id
  and a.during && tstzrange(e.started_at, e.ended_at)
  and a.status not in ('cancelled', 'no_show')
  order by a.starts_at
  limit 1
) o on true
where not exists (
  select from app_public.appointments a where a.organization_id = e.organization_id and a.id = e.appointment_id
)`;
