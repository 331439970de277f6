import { createAppointment, createCareSession, createPatient, linkPatient } from "../people.ts";
import type { RolledBack } from "../rolledBack.ts";
import type { World } from "../world.ts";

/**
 * A second patient of `here` who is shared with `there` in full, and the patient of `abroad` shared with the second clinic
 * there. Each clinic has a second session, and `there` one with the patient whom `here` knows by name.
 */
export async function furnishClinical(
  { superuser }: RolledBack,
  { foreign, here, there, abroad, shared }: World,
): Promise<void> {
  const inFull = await createPatient(superuser, here.clinic);
  await linkPatient(superuser, inFull, there.clinic, "full_record");
  await superuser.query(
    `insert into app_public.patient_clinic_links (organization_id, clinic_id, patient_id, home_clinic_id, access)
     select organization_id, id, $2, $3, 'full_record'
     from app_public.clinics where organization_id = $1 and id <> $3`,
    [foreign, abroad.patient.id, abroad.clinic.id],
  );
  for (const [{ clinic, provider }, patient] of [
    [here, inFull],
    [there, there.patient],
    [there, shared],
    [abroad, abroad.patient],
  ] as const) {
    await createCareSession(superuser, await createAppointment(superuser, clinic, patient, provider));
  }
}
