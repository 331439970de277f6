import type { RolledBack } from "../rolledBack.ts";
import type { World } from "../world.ts";

/** What the world has, and the patient of `abroad` shared with the second clinic there. */
export async function furnishClinical({ superuser }: RolledBack, { foreign, abroad }: World): Promise<void> {
  await superuser.query(
    `insert into app_public.patient_clinic_links (organization_id, clinic_id, patient_id, home_clinic_id, access)
     select organization_id, id, $2, $3, 'full_record'
     from app_public.clinics where organization_id = $1 and id <> $3`,
    [foreign, abroad.patient.id, abroad.clinic.id],
  );
}
