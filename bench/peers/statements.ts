/** What a person writes who knows this schema: one statement for each operation, and its rows put together. */

export type Variables = Readonly<Record<string, string>>;

export interface HandWritten {
  text: string;
  values: (variables: Variables) => unknown[];
  /** Rows of `text` → what stands below `data`. */
  answer: (rows: Row[]) => unknown;
  /** The same, made by Postgres: one row with one column, the JSON of the answer. */
  json?: string;
}

type Row = Record<string, unknown>;

const PATIENT = `p.id as "rowId", p.mrn, p.given_name as "givenName", p.family_name as "familyName",
  p.birth_date::text as "birthDate", upper(p.sex::text) as sex, p.phone, p.city, p.created_at as "createdAt"`;

const NEWEST = `
  select p.* from app_public.patients p where p.deleted_at is null
  order by p.organization_id desc, p.id desc limit 50`;

/** Its five newest appointments, of the columns that are asked for. */
const APPOINTMENTS = (columns: string) => `
  select ${columns} from app_public.appointments a
  where a.organization_id = p.organization_id and a.patient_id = p.id
  order by a.starts_at desc, a.id desc limit 5`;

const APPOINTMENT = `a.id as "rowId", a.starts_at as "startsAt", a.ends_at as "endsAt",
  upper(a.status::text) as status, a.kind, a.reason`;

const CLINIC = `c.id as "rowId", c.name, c.timezone`;

const point: HandWritten = {
  text: `select ${PATIENT} from app_public.patients p where p.id = $1`,
  values: ({ rowId }) => [rowId],
  answer: ([patient]) => ({ patient: patient ?? null }),
  json: `select json_build_object('data', json_build_object('patient', row_to_json(p)))::text as json
    from (select ${PATIENT} from app_public.patients p where p.id = $1) p`,
};

const list: HandWritten = {
  text: `select ${PATIENT}, c.id as "clinicRowId", c.name, c.timezone,
      a.id as "appointmentRowId", a.starts_at as "startsAt", a.ends_at as "endsAt", upper(a.status::text) as status, a.kind, a.reason
    from (${NEWEST}) p
    join app_public.clinics c on c.id = p.home_clinic_id
    left join lateral (${APPOINTMENTS("a.*")}) a on true
    order by p.organization_id desc, p.id desc, a.starts_at desc, a.id desc`,
  values: () => [],
  answer: (rows) => ({ patients: { nodes: nestAppointments(rows) } }),
  json: `select json_build_object('data', json_build_object('patients', json_build_object('nodes', coalesce(json_agg(
      (select row_to_json(r) from (select ${PATIENT}, (select row_to_json(c) from (select ${CLINIC} from app_public.clinics c where c.id = p.home_clinic_id) c) as "homeClinic",
        json_build_object('nodes', (select coalesce(json_agg(row_to_json(a)), '[]') from (${APPOINTMENTS(APPOINTMENT)}) a)) as appointments) r)
    ), '[]'))))::text as json
    from (${NEWEST}) p`,
};

/** One row for each appointment → one patient for each patient. */
function nestAppointments(rows: Row[]): unknown[] {
  const patients = new Map<unknown, Row & { appointments: { nodes: unknown[] } }>();
  for (const row of rows) {
    const { clinicRowId, name, timezone, appointmentRowId, startsAt, endsAt, status, kind, reason, ...own } =
      row;
    const homeClinic = { rowId: clinicRowId, name, timezone };
    const patient = patients.get(own.rowId) ?? { ...own, homeClinic, appointments: { nodes: [] } };
    patients.set(own.rowId, patient);
    if (appointmentRowId !== null) {
      patient.appointments.nodes.push({ rowId: appointmentRowId, startsAt, endsAt, status, kind, reason });
    }
  }
  return [...patients.values()];
}

/** Where a deep page begins: the row before it. */
const rowAt: HandWritten = {
  text: `select p.id as "rowId", p.organization_id as "organizationId", p.given_name as "givenName", p.family_name as "familyName"
    from app_public.patients p where p.deleted_at is null
    order by p.family_name, p.given_name, p.id limit 1 offset $1`,
  values: ({ offset }) => [offset],
  answer: ([row]) => row,
};

const page: HandWritten = {
  text: `select ${PATIENT} from app_public.patients p
    where p.deleted_at is null and (p.family_name, p.given_name, p.id) > ($1, $2, $3)
    and p.organization_id = $4
    order by p.family_name, p.given_name, p.id limit 20`,
  values: ({ familyName, givenName, rowId, organizationId }) => [
    familyName,
    givenName,
    rowId,
    organizationId,
  ],
  answer: (nodes) => ({ patients: { nodes } }),
};

const filter: HandWritten = {
  text: `select a.id as "rowId", a.starts_at as "startsAt", a.ends_at as "endsAt", upper(a.status::text) as status,
      p.id as "patientId", p.given_name as "givenName", p.family_name as "familyName"
    from (
      select a.* from app_public.appointments a
      where a.status = 'booked' and a.starts_at >= $1 and a.starts_at < $2 and a.clinic_id = $3
      order by a.starts_at, a.organization_id, a.id limit 50
    ) a
    join app_public.patients p on p.organization_id = a.organization_id and p.id = a.patient_id
    order by a.starts_at, a.organization_id, a.id`,
  values: ({ from, to, clinicId }) => [from, to, clinicId],
  answer: (rows) => ({
    appointments: {
      nodes: rows.map(({ patientId, givenName, familyName, ...own }) => ({
        ...own,
        patient: { rowId: patientId, givenName, familyName },
      })),
    },
  }),
};

const dashboard: HandWritten = {
  text: `select
      (select count(*)::int from app_public.patients p where p.deleted_at is null and p.home_clinic_id = $3) as patients,
      count(*)::int as appointments, count(distinct a.patient_id)::text as seen, count(distinct a.provider_id)::text as providers
    from app_public.appointments a where a.clinic_id = $3 and a.starts_at >= $1 and a.starts_at < $2`,
  values: ({ from, to, clinicId }) => [from, to, clinicId],
  answer: ([row]) => ({
    patients: { totalCount: row?.patients },
    appointments: {
      totalCount: row?.appointments,
      aggregates: { distinctCount: { patientId: row?.seen, providerId: row?.providers } },
    },
  }),
};

const update: HandWritten = {
  text: `update app_public.patients set region = $2 where id = $1 returning id as "rowId", region`,
  values: ({ rowId, region }) => [rowId, region],
  answer: ([patient]) => ({ updatePatient: { patient: patient ?? null } }),
};

export const STATEMENTS: Readonly<Record<string, HandWritten>> = {
  point,
  list,
  rowAt,
  page,
  filter,
  dashboard,
  update,
};
