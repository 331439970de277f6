/** What the two servers with hand-written resolvers share: the schema, the SQL, and one transaction a request. */
import pg from "pg";

import { DATABASE_URL, SECRET_KEY, settingsOf } from "./identity.ts";

const SET = "select set_config(key, value, true) from json_each_text($1)";
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 10 });

export const typeDefs = `
  scalar UUID
  scalar Date
  scalar Datetime
  scalar Cursor
  enum PatientOrderBy { ORGANIZATION_ID_DESC PRIMARY_KEY_DESC FAMILY_NAME_ASC GIVEN_NAME_ASC PRIMARY_KEY_ASC }
  enum AppointmentOrderBy { STARTS_AT_ASC STARTS_AT_DESC PRIMARY_KEY_DESC }
  enum Sex { FEMALE MALE OTHER UNKNOWN }
  enum AppointmentStatus { BOOKED COMPLETED CANCELLED NO_SHOW }
  input UUIDFilter { equalTo: UUID }
  input DatetimeFilter { greaterThanOrEqualTo: Datetime, lessThan: Datetime }
  input AppointmentStatusFilter { equalTo: AppointmentStatus }
  input PatientFilter { homeClinicId: UUIDFilter }
  input AppointmentFilter { clinicId: UUIDFilter, startsAt: DatetimeFilter, status: AppointmentStatusFilter }
  type Clinic { rowId: UUID!, name: String!, timezone: String! }
  type Patient {
    rowId: UUID!, mrn: String!, givenName: String!, familyName: String!, birthDate: Date!, sex: Sex!, phone: String, city: String, region: String
    createdAt: Datetime!, homeClinic: Clinic, appointments(first: Int!, orderBy: [AppointmentOrderBy!]): AppointmentNodes!
  }
  type Appointment {
    rowId: UUID!, startsAt: Datetime!, endsAt: Datetime!, status: AppointmentStatus!, kind: String!, reason: String, patient: Patient
  }
  type AppointmentNodes { nodes: [Appointment]! }
  type PageInfo { endCursor: Cursor }
  type PatientConnection { nodes: [Patient]!, pageInfo: PageInfo!, totalCount: Int! }
  type DistinctCount { patientId: String, providerId: String }
  type Aggregates { distinctCount: DistinctCount }
  type AppointmentConnection { nodes: [Appointment]!, totalCount: Int!, aggregates: Aggregates }
  type Query {
    patientByRowId(rowId: UUID!): Patient
    patients(first: Int, offset: Int, after: Cursor, orderBy: [PatientOrderBy!], filter: PatientFilter): PatientConnection
    appointments(first: Int, orderBy: [AppointmentOrderBy!], filter: AppointmentFilter): AppointmentConnection
  }
  input PatientPatch { region: String }
  input UpdatePatientInput { rowId: UUID!, patch: PatientPatch! }
  type UpdatePatientPayload { patient: Patient }
  type Mutation { updatePatient(input: UpdatePatientInput!): UpdatePatientPayload }
`;

const PATIENT = `p.id as "rowId", p.home_clinic_id, p.organization_id, p.mrn, p.given_name as "givenName", p.family_name as "familyName",
  p.birth_date::text as "birthDate", upper(p.sex::text) as sex, p.phone, p.city, p.created_at as "createdAt"`;
const APPOINTMENT = `a.id as "rowId", a.patient_id, a.starts_at as "startsAt", a.ends_at as "endsAt",
  upper(a.status::text) as status, a.kind, a.reason`;

/** One transaction with the request's settings, begun by its first statement. */
export class Transaction {
  #settings;
  #client;

  constructor(authorization) {
    this.#settings = settingsOf(authorization, SECRET_KEY);
  }

  async query(name, text, values) {
    this.#client ??= pool.connect().then(async (client) => {
      await client.query("begin");
      await client.query({ name: "settings", text: SET, values: [JSON.stringify(this.#settings)] });
      return client;
    });
    return (await (await this.#client).query({ name, text, values })).rows;
  }

  async end(isGood) {
    const client = await this.#client;
    await client?.query(isGood ? "commit" : "rollback");
    client?.release();
  }
}

async function patientByRowId(transaction, { rowId }) {
  const rows = await transaction.query(
    "point",
    `select ${PATIENT} from app_public.patients p where p.id = $1`,
    [rowId],
  );
  return rows[0] ?? null;
}

const decode = (cursor) => JSON.parse(Buffer.from(cursor, "base64url").toString());
const encode = (values) => Buffer.from(JSON.stringify(values)).toString("base64url");

async function patientNodes(transaction, { first, offset, after, orderBy }) {
  if (orderBy.includes("PRIMARY_KEY_DESC")) {
    return transaction.query(
      "newest",
      `select ${PATIENT} from app_public.patients p where p.deleted_at is null
       order by p.organization_id desc, p.id desc limit $1`,
      [first],
    );
  }
  const order = "order by p.family_name, p.given_name, p.id limit $1 offset $2";
  return after
    ? transaction.query(
        "after",
        `select ${PATIENT} from app_public.patients p
         where p.deleted_at is null and p.organization_id = $3 and (p.family_name, p.given_name, p.id) > ($4, $5, $6) ${order}`,
        [first, 0, ...decode(after)],
      )
    : transaction.query(
        "first",
        `select ${PATIENT} from app_public.patients p where p.deleted_at is null ${order}`,
        [first, offset ?? 0],
      );
}

function endCursor(nodes) {
  const last = nodes.at(-1);
  return last ? encode([last.organization_id, last.familyName, last.givenName, last.rowId]) : null;
}

async function countPatients(transaction, { filter }) {
  const [{ count }] = await transaction.query(
    "countPatients",
    "select count(*)::int from app_public.patients p where p.deleted_at is null and p.home_clinic_id = $1",
    [filter.homeClinicId.equalTo],
  );
  return count;
}

const appointmentNodes = (transaction, { first, filter: { clinicId, startsAt, status } }) =>
  transaction.query(
    "appointments",
    `select ${APPOINTMENT} from app_public.appointments a
     where a.clinic_id = $2 and a.status = $3 and a.starts_at >= $4 and a.starts_at < $5
     order by a.starts_at, a.organization_id, a.id limit $1`,
    [first, clinicId.equalTo, status.equalTo.toLowerCase(), startsAt.greaterThanOrEqualTo, startsAt.lessThan],
  );

async function appointmentFigures(transaction, { filter: { clinicId, startsAt } }) {
  const [row] = await transaction.query(
    "figures",
    `select count(*)::int as "totalCount", count(distinct a.patient_id)::text as "patientId", count(distinct a.provider_id)::text as "providerId"
     from app_public.appointments a where a.clinic_id = $1 and a.starts_at >= $2 and a.starts_at < $3`,
    [clinicId.equalTo, startsAt.greaterThanOrEqualTo, startsAt.lessThan],
  );
  return row;
}

async function updatePatient(transaction, { input: { rowId, patch } }) {
  const rows = await transaction.query(
    "update",
    `update app_public.patients p set region = $2 where p.id = $1 returning ${PATIENT}, p.region`,
    [rowId, patch.region],
  );
  return { patient: rows[0] ?? null };
}

/** In the order of the keys, as loaders want it. */
const inOrder = (keys, rows, idOf = ({ rowId }) => rowId) => {
  const byId = new Map(rows.map((row) => [idOf(row), row]));
  return keys.map((key) => byId.get(key) ?? null);
};

export async function loadClinics(transaction, ids) {
  const rows = await transaction.query(
    "clinics",
    `select c.id as "rowId", c.name, c.timezone from app_public.clinics c where c.id = any ($1)`,
    [[...new Set(ids)]],
  );
  return inOrder(ids, rows);
}

export async function loadPatients(transaction, ids) {
  const rows = await transaction.query(
    "patients",
    `select ${PATIENT} from app_public.patients p where p.id = any ($1)`,
    [[...new Set(ids)]],
  );
  return inOrder(ids, rows);
}

/** The newest appointments of each of these patients. */
export async function loadAppointments(transaction, patients, first) {
  const rows = await transaction.query(
    "appointmentsOf",
    `select ${APPOINTMENT}
     from unnest($1::uuid[], $2::uuid[]) as p (organization_id, id)
     cross join lateral (
       select a.* from app_public.appointments a where a.organization_id = p.organization_id and a.patient_id = p.id
       order by a.starts_at desc, a.id desc limit $3
     ) a`,
    [patients.map((each) => each.organization_id), patients.map((each) => each.rowId), first],
  );
  const byPatient = Map.groupBy(rows, (row) => row.patient_id);
  return patients.map(({ rowId }) => ({ nodes: byPatient.get(rowId) ?? [] }));
}

/** Both servers' resolvers, but for what their loaders do. */
export const resolvers = {
  Query: {
    patientByRowId: (_root, args, { transaction }) => patientByRowId(transaction, args),
    patients: (_root, args) => ({ args }),
    appointments: (_root, args) => ({ args }),
  },
  PatientConnection: {
    nodes: (connection, _args, { transaction }) =>
      (connection.rows ??= patientNodes(transaction, connection.args)),
    pageInfo: async (connection, _args, { transaction }) => ({
      endCursor: endCursor(await (connection.rows ??= patientNodes(transaction, connection.args))),
    }),
    totalCount: ({ args }, _args, { transaction }) => countPatients(transaction, args),
  },
  AppointmentConnection: {
    nodes: ({ args }, _args, { transaction }) => appointmentNodes(transaction, args),
    totalCount: async (connection, _args, { transaction }) =>
      (await (connection.figures ??= appointmentFigures(transaction, connection.args))).totalCount,
    aggregates: async (connection, _args, { transaction }) => ({
      distinctCount: await (connection.figures ??= appointmentFigures(transaction, connection.args)),
    }),
  },
  Mutation: {
    updatePatient: (_root, args, { transaction }) => updatePatient(transaction, args),
  },
};
