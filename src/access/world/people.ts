import { randomUUID } from "node:crypto";

import type { ClientBase, Pool } from "pg";

import type { Actor } from "./rolledBack.ts";

/** Factories write as superuser, with the fewest columns: what a test is about stands in the test. */
type Superuser = Pool | ClientBase;

export type OrganizationRole = "owner" | "admin" | "member" | "viewer";
export type ClinicRole = "clinic_admin" | "provider" | "staff" | "viewer";

export interface Person extends Actor {
  email: string;
}

export interface Clinic {
  id: string;
  organizationId: string;
}

export interface Patient {
  id: string;
  organizationId: string;
  homeClinicId: string;
}

export interface Appointment {
  id: string;
  organizationId: string;
  clinicId: string;
  patientId: string;
  providerId: string;
}

let sequence = 0;
/** Unique within a test file's database. */
const next = () => ++sequence;

async function insert<Row>(db: Superuser, sql: string, values: unknown[]): Promise<Row> {
  const { rows } = await db.query(sql, values);
  return rows[0];
}

/** @returns its id. */
export async function createOrganization(db: Superuser, name = `Organization ${next()}`): Promise<string> {
  const slug = `${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")}-${next()}`;
  const { id } = await insert<{ id: string }>(
    db,
    "insert into app_public.organizations (name, slug) values ($1, $2) returning id",
    [name, slug],
  );
  return id;
}

export async function createClinic(db: Superuser, organizationId: string): Promise<Clinic> {
  const { id } = await insert<{ id: string }>(
    db,
    "insert into app_public.clinics (organization_id, name) values ($1, $2) returning id",
    [organizationId, `Clinic ${next()}`],
  );
  return { id, organizationId };
}

/** A user with an address of their own and a session of a day. */
export async function createPerson(db: Superuser, { isSuperadmin = false } = {}): Promise<Person> {
  const email = `person-${next()}@example.com`;
  const { id: userId } = await insert<{ id: string }>(
    db,
    "insert into app_public.users (email, email_verified_at, is_superadmin) values ($1, now(), $2) returning id",
    [email, isSuperadmin],
  );
  return { userId, sessionId: await createSession(db, userId), email };
}

/** @returns the id of a session that ends in a day. */
export async function createSession(db: Superuser, userId: string): Promise<string> {
  const { id } = await insert<{ id: string }>(
    db,
    "insert into app_private.auth_sessions (user_id, expires_at) values ($1, now() + interval '1 day') returning id",
    [userId],
  );
  return id;
}

export async function joinOrganization(
  db: Superuser,
  { userId }: Actor,
  organizationId: string,
  role: OrganizationRole = "member",
): Promise<void> {
  await db.query(
    `insert into app_public.organization_memberships (organization_id, user_id, role) values ($1, $2, $3)
     on conflict (organization_id, user_id) do nothing`,
    [organizationId, userId, role],
  );
}

/** Joins the clinic, and as a member its organization if that is still to be done. */
export async function joinClinic(
  db: Superuser,
  person: Actor,
  clinic: Clinic,
  role: ClinicRole,
): Promise<void> {
  await joinOrganization(db, person, clinic.organizationId);
  await db.query(
    `insert into app_public.clinic_memberships (organization_id, clinic_id, user_id, role, display_name)
     values ($1, $2, $3, $4, $5)`,
    [clinic.organizationId, clinic.id, person.userId, role, `Name ${next()}`],
  );
}

/** A person who works in one clinic. */
export async function createMember(db: Superuser, clinic: Clinic, role: ClinicRole): Promise<Person> {
  const person = await createPerson(db);
  await joinClinic(db, person, clinic, role);
  return person;
}

/** A person who administers an organization and works in none of its clinics. */
export async function createAdministrator(
  db: Superuser,
  organizationId: string,
  role: OrganizationRole,
): Promise<Person> {
  const person = await createPerson(db);
  await joinOrganization(db, person, organizationId, role);
  return person;
}

export async function createPatient(
  db: Superuser,
  { id: clinicId, organizationId }: Clinic,
  { portalUserId = null as string | null } = {},
): Promise<Patient> {
  const number = next();
  const { id } = await insert<{ id: string }>(
    db,
    `insert into app_public.patients
       (organization_id, home_clinic_id, mrn, given_name, family_name, birth_date, portal_user_id)
     values ($1, $2, $3, 'Given', $4, '1980-01-01', $5) returning id`,
    [organizationId, clinicId, `MRN-${number}`, `Family ${number}`, portalUserId],
  );
  return { id, organizationId, homeClinicId: clinicId };
}

export async function linkPatient(
  db: Superuser,
  patient: Patient,
  clinic: Clinic,
  access: "demographics" | "full_record",
): Promise<string> {
  const { id } = await insert<{ id: string }>(
    db,
    `insert into app_public.patient_clinic_links (organization_id, clinic_id, patient_id, home_clinic_id, access)
     values ($1, $2, $3, $4, $5) returning id`,
    [patient.organizationId, clinic.id, patient.id, patient.homeClinicId, access],
  );
  return id;
}

/** An hour-long slot that no other call of a test file has returned, as a literal of tstzrange. */
export function nextSlot(): string {
  const start = Date.UTC(2030, 0, 1) + next() * 3_600_000;
  return `[${new Date(start).toISOString()},${new Date(start + 3_600_000).toISOString()})`;
}

export async function createAppointment(
  db: Superuser,
  clinic: Clinic,
  patient: Patient,
  provider: Actor,
  during = nextSlot(),
): Promise<Appointment> {
  const { id } = await insert<{ id: string }>(
    db,
    `insert into app_public.appointments (organization_id, clinic_id, patient_id, provider_id, during)
     values ($1, $2, $3, $4, $5) returning id`,
    [clinic.organizationId, clinic.id, patient.id, provider.userId, during],
  );
  return {
    id,
    organizationId: clinic.organizationId,
    clinicId: clinic.id,
    patientId: patient.id,
    providerId: provider.userId,
  };
}

/** @returns its id. */
export async function createCareSession(db: Superuser, appointment: Appointment): Promise<string> {
  const { id } = await insert<{ id: string }>(
    db,
    `insert into app_public.care_sessions
       (organization_id, clinic_id, patient_id, provider_id, appointment_id, started_at)
     values ($1, $2, $3, $4, $5, now()) returning id`,
    [
      appointment.organizationId,
      appointment.clinicId,
      appointment.patientId,
      appointment.providerId,
      appointment.id,
    ],
  );
  return id;
}

/** @returns its id. */
export async function createNotification(
  db: Superuser,
  { userId }: Actor,
  organizationId: string,
): Promise<string> {
  const { id } = await insert<{ id: string }>(
    db,
    `insert into app_public.notifications (organization_id, user_id, kind, subject_table, subject_id, effect_key)
     values ($1, $2, 'appointment', 'appointments', $3, $4) returning id`,
    [organizationId, userId, randomUUID(), `effect-${next()}`],
  );
  return id;
}
