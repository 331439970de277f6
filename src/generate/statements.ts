import { CLINIC_STAFF, PROVIDERS, SLOTS_OF_A_DAY, type VolumeStep } from "./volumePlan.ts";

/**
 * The SQL of each step. Every row is a function of the data set's name, its organization's number (`o`) and its own number
 * within it (`j`), so nothing is looked up, and writing a row again changes nothing.
 */

/** A v7-shaped id: in the order of its numbers, so that indexes grow at their end, and otherwise a hash of what it names. */
const id = (kind: string, number = "0") =>
  `overlay(overlay(overlay(md5(concat_ws('/', s.name, '${kind}', o, ${number})) placing ` +
  `lpad(to_hex(1600000000000 + o::bigint * 10000000 + ${number}), 12, '0') from 1 for 12) placing '7' from 13) ` +
  `placing '8' from 17)::uuid`;

/** The share of an organization; the same as `shareOf`. */
const share = (total: string) => `(s.${total} / s.organizations + (o <= s.${total} % s.organizations)::int)`;

/** One of several texts, by a number. */
const pick = (number: string, choices: readonly string[]) =>
  `(array[${choices.map((choice) => `'${choice}'`).join(", ")}])[1 + ${number} % ${choices.length}]`;

const SHAPE = `\
with s as (
  select *
  from jsonb_to_record($1) as shape (
    name text, seed bigint, organizations int, clinics int, patients int, appointments int, around date,
    "firstOrganization" int, "lastOrganization" int, "firstRow" int, "lastRow" int
  )
)`;
const ORGANIZATIONS = `s cross join generate_series(s."firstOrganization", s."lastOrganization") as o`;
const rowsOf = (total: string) =>
  `${ORGANIZATIONS} cross join generate_series(s."firstRow", least(s."lastRow", ${share(total)})) as j`;
const CLINICS = `${ORGANIZATIONS} cross join generate_series(1, ${share("clinics")}) as c`;
const STAFF = `${CLINICS} cross join unnest(array[${CLINIC_STAFF.map((role) => `'${role}'`).join(", ")}]) with ordinality as m (role, place)`;
const staffNumber = (clinic: string, place: string) =>
  `((${clinic} - 1) * ${CLINIC_STAFF.length} + ${place})`;

const FIRST_PROVIDER = CLINIC_STAFF.indexOf("provider") + 1;

/** Lets the transaction reach the organizations of its batch, and no others. */
export const DECLARE_SCOPE = `\
${SHAPE}
select set_config('app.data_scope', string_agg((${id("organization")})::text, ','), true)
from ${ORGANIZATIONS}`;

/** The day around which the data set was made; no row if it does not exist yet. For a transaction with its scope. */
export const READ_DAY = `\
${SHAPE}
select t.settings #>> '{generated,around}' as around
from s cross join generate_series(1, 1) as o
join app_public.organizations t on t.id = ${id("organization")}`;

/** Whether the batch was written before: it is one transaction, so one of its rows stands for all. */
export const IS_WRITTEN: Record<VolumeStep, string> = {
  tenants: isWritten("organizations", id("organization")),
  patients: isWritten("patients", id("patient", `least(s."lastRow", ${share("patients")})`)),
  appointments: isWritten("appointments", id("appointment", `least(s."lastRow", ${share("appointments")})`)),
};

function isWritten(table: string, lastId: string): string {
  return `\
${SHAPE}
select exists (
  select from s cross join generate_series(s."lastOrganization", s."lastOrganization") as o
  join app_public.${table} t on t.id = ${lastId}
) as "isWritten"`;
}

const INSERT_ORGANIZATIONS = `\
${SHAPE}
insert into app_public.organizations (id, name, slug, settings, external_id)
select ${id("organization")}, ${pick("o", ["Lakeside", "Northern", "Harbour", "Maple", "Summit", "Riverbend", "Union"])} || ' Health ' || o,
  'generated-' || left(md5(s.name), 8) || '-' || o,
  jsonb_build_object('generated', jsonb_build_object('name', s.name, 'around', s.around)),
  s.name || '/' || o
from ${ORGANIZATIONS}
on conflict (id) do nothing`;

const INSERT_CLINICS = `\
${SHAPE}
insert into app_public.clinics (id, organization_id, name, timezone, locale, external_id)
select ${id("clinic", "c")}, ${id("organization")}, 'Clinic ' || c, 'America/Toronto', 'en_CA', 'generated/' || c
from ${CLINICS}
on conflict (id) do nothing`;

// Number 0 owns the organization. No conflict target: naming one takes a right to read that imports lack.
const INSERT_USERS = `\
${SHAPE}
insert into app_public.users (id, legacy_id)
select ${id("user", "u")}, concat_ws('/', s.name, 'user', o, u)
from ${ORGANIZATIONS} cross join generate_series(0, ${share("clinics")} * ${CLINIC_STAFF.length}) as u
on conflict do nothing`;

const INSERT_ORGANIZATION_MEMBERSHIPS = `\
${SHAPE}
insert into app_public.organization_memberships (id, organization_id, user_id, role)
select ${id("organization_membership", "u")}, ${id("organization")}, ${id("user", "u")},
  (case u when 0 then 'owner' else 'member' end)::app_public.organization_role
from ${ORGANIZATIONS} cross join generate_series(0, ${share("clinics")} * ${CLINIC_STAFF.length}) as u
on conflict (id) do nothing`;

const INSERT_CLINIC_MEMBERSHIPS = `\
${SHAPE}
insert into app_public.clinic_memberships (id, organization_id, clinic_id, user_id, role, display_name)
select ${id("clinic_membership", staffNumber("c", "m.place"))}, ${id("organization")}, ${id("clinic", "c")},
  ${id("user", staffNumber("c", "m.place"))}, m.role::app_public.clinic_role,
  initcap(replace(m.role, '_', ' ')) || ' ' || m.place || ' of Clinic ' || c
from ${STAFF}
on conflict (id) do nothing`;

const GIVEN_NAMES = [
  "Ada",
  "Ben",
  "Chloé",
  "Dev",
  "Elif",
  "Farid",
  "Grace",
  "Hugo",
  "Ines",
  "Jun",
  "Kofi",
  "Léa",
  "Mia",
];
const FAMILY_NAMES = [
  "Okafor",
  "Tremblay",
  "Nguyen",
  "Singh",
  "Smith",
  "Roy",
  "Garcia",
  "Chen",
  "Müller",
  "Haddad",
  "Kim",
];
const CITIES = ["Toronto", "Montréal", "Vancouver", "Halifax", "Calgary"];

const INSERT_PATIENTS = `\
${SHAPE}
insert into app_public.patients (
  id, organization_id, home_clinic_id, mrn, given_name, family_name, birth_date, sex, phone, city, external_id
)
select ${id("patient", "j")}, ${id("organization")}, ${id("clinic", `(1 + (j - 1) % ${share("clinics")})`)},
  'G' || lpad(j::text, 8, '0'), ${pick("h", GIVEN_NAMES)}, ${pick("h / 13", FAMILY_NAMES)} || ' ' || j,
  date '1930-01-01' + h % 34000, ${pick("h / 7", ["female", "male", "female", "male", "other", "unknown"])}::app_public.patient_sex,
  '555-' || lpad((h % 10000)::text, 4, '0'), ${pick("h / 11", CITIES)}, 'generated/' || j
from ${rowsOf("patients")}
cross join lateral (select (hashint8extended(j, s.seed + o) & 2147483647)::int as h) hash
on conflict (id) do nothing`;

/**
 * The providers of an organization take turns, and each time one comes round it is their next free slot: 16 half-hours a
 * working day, one day of four from the middle day on, the other three before it. So no two appointments overlap. The ids
 * of clinics and providers are made once for an organization, not for each row: that is a tenth of the time.
 */
const INSERT_APPOINTMENTS = `\
${SHAPE}
insert into app_public.appointments (
  id, organization_id, clinic_id, patient_id, provider_id, during, status, kind, reason, cancelled_reason
)
select ${id("appointment", "j")}, organization.id, organization.clinic_ids[turn.c], ${id("patient", "booked.patient")},
  organization.provider_ids[turn.provider],
  tstzrange(slot.starts_at, slot.starts_at + (15 + h / 23 % 4 * 5) * interval '1 minute'),
  slot.status::app_public.appointment_status,
  ${pick("h / 5", ["visit", "follow_up", "check_up", "consultation"])},
  ${pick("h / 3", ["Check-up", "Back pain", "Headache", "Vaccination", "Results", "Cough"])},
  case slot.status when 'cancelled' then ${pick("h / 17", ["Cancelled by the patient", "The provider is ill"])} end
from ${ORGANIZATIONS}
cross join lateral (
  select ${id("organization")} as id, ${share("clinics")} as clinics, ${share("patients")} as patients,
    array(select ${id("clinic", "c")} from generate_series(1, ${share("clinics")}) as c order by c) as clinic_ids,
    array(
      select ${id("user", staffNumber("c", "place"))}
      from generate_series(1, ${share("clinics")}) as c
      cross join generate_series(${FIRST_PROVIDER}, ${FIRST_PROVIDER + PROVIDERS - 1}) as place
      order by place, c
    ) as provider_ids
  offset 0
) organization
cross join generate_series(s."firstRow", least(s."lastRow", ${share("appointments")})) as j
cross join lateral (select (hashint8extended(j, s.seed + o) & 2147483647)::int as h) hash
cross join lateral (
  select 1 + (j - 1) % organization.clinics as c, 1 + (j - 1) % (organization.clinics * ${PROVIDERS}) as provider,
    (j - 1) / (organization.clinics * ${PROVIDERS}) as slot
) turn
cross join lateral (select turn.slot / ${SLOTS_OF_A_DAY} as day, turn.slot % ${SLOTS_OF_A_DAY} as half_hour) time
cross join lateral (
  select date_trunc('week', s.around + 2)::date + floor(w / 5.0)::int * 7 + (w % 5 + 5) % 5 as day
  from (
    select case time.day % 4 when 0 then time.day / 4 else time.day / 4 - time.day end
      + case when extract(isodow from s.around) > 5 then 0 else extract(isodow from s.around)::int - 1 end as w
  ) working_day
) calendar
cross join lateral (
  select (calendar.day + time '09:00' + time.half_hour * interval '30 minutes') at time zone 'America/Toronto' as starts_at,
    case
      when calendar.day >= s.around then ${pick("h", [...times("booked", 14), "cancelled"])}
      else ${pick("h", [...times("completed", 16), ...times("cancelled", 3), "no_show"])}
    end as status
  offset 0
) slot
cross join lateral (
  select turn.c + organization.clinics * (h / 19 % ((organization.patients - turn.c) / organization.clinics + 1)) as patient
) booked
on conflict (id) do nothing`;

function times(choice: string, count: number): string[] {
  return Array.from({ length: count }, () => choice);
}

/** What a batch of each step runs, in turn. */
export const INSERTS: Record<VolumeStep, readonly string[]> = {
  tenants: [
    INSERT_ORGANIZATIONS,
    INSERT_CLINICS,
    INSERT_USERS,
    INSERT_ORGANIZATION_MEMBERSHIPS,
    INSERT_CLINIC_MEMBERSHIPS,
  ],
  patients: [INSERT_PATIENTS],
  appointments: [INSERT_APPOINTMENTS],
};

/** So that plans are made for what is there now, and index-only scans find pages that need no second look. */
export const VACUUM = `\
vacuum (analyze) app_public.organizations, app_public.clinics, app_public.users, app_public.profiles,
  app_public.organization_memberships, app_public.clinic_memberships, app_public.patients, app_public.appointments,
  app_audit.events`;
