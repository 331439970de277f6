import type { Pool } from "pg";

import {
  type Appointment,
  type Clinic,
  createAdministrator,
  createAppointment,
  createCareSession,
  createClinic,
  createMember,
  createNotification,
  createOrganization,
  createPatient,
  createPerson,
  linkPatient,
  type Patient,
  type Person,
} from "./people.ts";

/** One clinic with one of everything in it. */
export interface ClinicWorld {
  clinic: Clinic;
  clinicAdmin: Person;
  provider: Person;
  staff: Person;
  viewer: Person;
  patient: Patient;
  appointment: Appointment;
  careSessionId: string;
  notificationId: string;
}

/**
 * Two organizations: `own` (with clinics `here` and `there`) and `foreign` (with clinic `abroad`). The patient of `there`
 * is unknown to `here`; `shared` is a patient of `there` whom `here` sees by name only.
 */
export interface World {
  own: string;
  foreign: string;
  here: ClinicWorld;
  there: ClinicWorld;
  abroad: ClinicWorld;
  shared: Patient;
  linkId: string;
  owner: Person;
  admin: Person;
  portal: Person;
  superadmin: Person;
  stranger: Person;
  /** These are in the full world only. */
  breakGlass?: Person;
  shareToken?: string;
}

async function furnish(db: Pool, clinic: Clinic, portal?: Person): Promise<ClinicWorld> {
  const provider = await createMember(db, clinic, "provider");
  const patient = await createPatient(db, clinic, { portalUserId: portal?.userId ?? null });
  const appointment = await createAppointment(db, clinic, patient, provider);
  return {
    clinic,
    clinicAdmin: await createMember(db, clinic, "clinic_admin"),
    provider,
    staff: await createMember(db, clinic, "staff"),
    viewer: await createMember(db, clinic, "viewer"),
    patient,
    appointment,
    careSessionId: await createCareSession(db, appointment),
    notificationId: await createNotification(db, provider, clinic.organizationId),
  };
}

export async function createWorld(db: Pool): Promise<World> {
  const own = await createOrganization(db, "Acme");
  const foreign = await createOrganization(db, "Foreign");
  const portal = await createPerson(db);
  const here = await furnish(db, await createClinic(db, own), portal);
  const there = await furnish(db, await createClinic(db, own));
  const abroad = await furnish(db, await createClinic(db, foreign));
  const shared = await createPatient(db, there.clinic);
  return {
    own,
    foreign,
    here,
    there,
    abroad,
    shared,
    linkId: await linkPatient(db, shared, here.clinic, "demographics"),
    owner: await createAdministrator(db, own, "owner"),
    admin: await createAdministrator(db, own, "admin"),
    portal,
    superadmin: await createPerson(db, { isSuperadmin: true }),
    stranger: await createPerson(db),
  };
}
