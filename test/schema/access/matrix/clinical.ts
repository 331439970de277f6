import { CLINIC_STAFF, type MatrixPart, row, TREATING } from "./part.ts";

/** Who cannot see the clinic cannot see that its provider works there, which is asked before the policies are. */
const UNKNOWN_PROVIDER = ["NTFND"];

export const CLINICAL: MatrixPart = {
  visible: {
    "app_public.patients": row(3, 3, 3, 3, 3, 1, 0, 0, 1, 0, 5, 0, 4, 0, 0),
    "app_public.patient_clinic_links": row(2, 2, 2, 2, 2, 1, 0, 0, 0, 0, 3, 0, 2, 0, 0),
    "app_public.appointments": row(2, 2, 2, 2, 4, 2, 0, 0, 1, 0, 7, 0, 4, 0, 0),
    // One of there is shared with here.
    "app_public.care_sessions": row(3, 3, 3, 3, 4, 2, 0, 0, 1, 0, 7, 0, 4, 0, 0),
  },
  deletable: ["app_public.patient_clinic_links"],
  writes: [
    {
      title: "register a patient",
      sql: `insert into app_public.patients (organization_id, home_clinic_id, mrn, given_name, family_name, birth_date)
        values ($1, $2, 'NEW', 'G', 'F', '1990-01-01')`,
      values: ({ own, here }) => [own, here.clinic.id],
      allowed: CLINIC_STAFF,
    },
    {
      title: "change a patient's address",
      sql: "update app_public.patients set city = 'New' where id = $1",
      values: ({ here }) => [here.patient.id],
      allowed: CLINIC_STAFF,
    },
    {
      title: "change a patient who is only shared with the clinic",
      sql: "update app_public.patients set city = 'New' where id = $1",
      values: ({ shared }) => [shared.id],
      allowed: ["elsewhere"],
    },
    {
      title: "share a patient with another clinic",
      sql: `insert into app_public.patient_clinic_links (organization_id, clinic_id, patient_id, home_clinic_id)
        values ($1, $2, $3, $4)`,
      values: ({ own, here, there }) => [own, there.clinic.id, here.patient.id, here.clinic.id],
      allowed: TREATING,
    },
    {
      title: "widen what another clinic shares",
      sql: "update app_public.patient_clinic_links set access = 'full_record' where id = $1",
      values: ({ linkId }) => [linkId],
      allowed: ["elsewhere"],
    },
    {
      title: "end what another clinic shares",
      sql: "delete from app_public.patient_clinic_links where id = $1",
      values: ({ linkId }) => [linkId],
      allowed: ["elsewhere"],
    },
    {
      title: "book an appointment",
      sql: `insert into app_public.appointments (organization_id, clinic_id, patient_id, provider_id, during)
        values ($1, $2, $3, $4, '[2029-01-01 10:00Z, 2029-01-01 11:00Z)')`,
      values: ({ own, here }) => [own, here.clinic.id, here.patient.id, here.provider.userId],
      allowed: CLINIC_STAFF,
      refusals: UNKNOWN_PROVIDER,
    },
    {
      title: "book a patient of another clinic who is not shared",
      sql: `insert into app_public.appointments (organization_id, clinic_id, patient_id, provider_id, during)
        values ($1, $2, $3, $4, '[2029-01-01 10:00Z, 2029-01-01 11:00Z)')`,
      values: ({ own, here, there }) => [own, here.clinic.id, there.patient.id, here.provider.userId],
      // In the emergency, whoever opened the record treats.
      allowed: ["breakGlass"],
      refusals: UNKNOWN_PROVIDER,
    },
    {
      title: "cancel an appointment",
      sql: "update app_public.appointments set status = 'cancelled' where id = $1",
      values: ({ here }) => [here.appointment.id],
      allowed: CLINIC_STAFF,
    },
    {
      title: "write a care session",
      sql: `insert into app_public.care_sessions (organization_id, clinic_id, patient_id, provider_id, started_at)
        values ($1, $2, $3, $4, now())`,
      values: ({ own, here }) => [own, here.clinic.id, here.patient.id, here.provider.userId],
      allowed: TREATING,
    },
    {
      title: "change a care session's summary",
      sql: "update app_public.care_sessions set summary = 'New' where id = $1",
      values: ({ here }) => [here.careSessionId],
      allowed: TREATING,
    },
  ],
  refused: [
    "update app_public.patients set home_clinic_id = gen_random_uuid()",
    "update app_public.patients set portal_user_id = auth.uid()",
    "update app_public.appointments set clinic_id = gen_random_uuid()",
    "update app_public.appointments set organization_id = gen_random_uuid()",
    "update app_public.appointments set patient_id = gen_random_uuid()",
    "update app_public.care_sessions set organization_id = gen_random_uuid()",
  ],
};
