import type { FullWorld } from "../fullWorld.ts";
import type { RolledBack } from "../rolledBack.ts";

/**
 * A session of `there` is shared with `here`, a report of `here` with `there`, and a session of `abroad` with a clinic of
 * its organization in which nobody works. A provider of each clinic has opened a patient's record in an emergency that is
 * over, so that it opens nothing any more: `there`'s of a patient of `here`, and the other way round. Another provider of
 * `here` has opened that of the patient of `there`, and the emergency goes on.
 */
export async function furnishGrants(
  { superuser }: RolledBack,
  { own, foreign, here, there, abroad, breakGlass }: FullWorld,
): Promise<void> {
  await superuser.query(
    `insert into app_public.resource_shares (organization_id, owner_clinic_id, clinic_id, care_session_id)
     values ($1, $2, $3, $4)`,
    [own, there.clinic.id, here.clinic.id, there.careSessionId],
  );
  await superuser.query(
    `insert into app_public.resource_shares (organization_id, owner_clinic_id, clinic_id, care_session_id)
     select organization_id, $2, id, $3 from app_public.clinics where organization_id = $1 and id <> $2`,
    [foreign, abroad.clinic.id, abroad.careSessionId],
  );
  await superuser.query(
    `insert into app_public.resource_shares (organization_id, owner_clinic_id, clinic_id, report_id)
     select $1, $2, $3, id from app_public.reports where organization_id = $1 and clinic_id = $2`,
    [own, here.clinic.id, there.clinic.id],
  );
  for (const [{ provider }, { patient }] of [
    [there, here],
    [here, there],
    [abroad, abroad],
  ] as const) {
    await superuser.query(
      `insert into app_public.break_glass_grants
         (organization_id, patient_id, home_clinic_id, user_id, reason, created_at, expires_at)
       values ($1, $2, $3, $4, 'Unconscious in the ER', now() - interval '2 hours', now() - interval '1 hour')`,
      [patient.organizationId, patient.id, patient.homeClinicId, provider.userId],
    );
  }
  await superuser.query(
    `insert into app_public.break_glass_grants
       (organization_id, patient_id, home_clinic_id, user_id, reason, expires_at)
     values ($1, $2, $3, $4, 'Unconscious in the ER', now() + interval '8 hours')`,
    [own, there.patient.id, there.clinic.id, breakGlass.userId],
  );
}
