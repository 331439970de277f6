import { type MatrixPart, ofClinic, row, RUNS_CLINIC, TREATING } from "./part.ts";

export const GRANTS: MatrixPart = {
  visible: {
    "app_public.break_glass_grants": row(1, 1, 0, 0, 1, 1, 3, 3, 1, 4, 4, 0, 1, 0, 0),
    "app_public.resource_shares": row(2, 2, 2, 2, 2, 1, 0, 0, 0, 0, 3, 0, 2, 0, 0),
  },
  deletable: ["app_public.resource_shares"],
  writes: [
    {
      title: "review an emergency access to a patient of the clinic",
      sql: `update app_public.break_glass_grants set reviewed_at = now(), reviewed_by = auth.uid()
        where organization_id = $1 and home_clinic_id = $2`,
      values: ofClinic,
      allowed: RUNS_CLINIC,
    },
    {
      // Whoever says that it was looked at, says it for themselves.
      title: "let somebody else have reviewed an emergency access",
      sql: `update app_public.break_glass_grants set reviewed_at = now(), reviewed_by = $3
        where organization_id = $1 and home_clinic_id = $2`,
      values: ({ own, here, superadmin }) => [own, here.clinic.id, superadmin.userId],
      allowed: [],
    },
    {
      title: "share a care session with another clinic",
      sql: `insert into app_public.resource_shares (organization_id, owner_clinic_id, clinic_id, care_session_id)
        values ($1, $2, $3, $4)`,
      values: ({ own, here, there }) => [own, here.clinic.id, there.clinic.id, here.careSessionId],
      allowed: TREATING,
    },
    {
      title: "set an end to what the clinic shares",
      sql: "update app_public.resource_shares set expires_at = now() where organization_id = $1 and owner_clinic_id = $2",
      values: ofClinic,
      allowed: TREATING,
    },
    {
      title: "end what the clinic shares",
      sql: "delete from app_public.resource_shares where organization_id = $1 and owner_clinic_id = $2",
      values: ofClinic,
      allowed: TREATING,
    },
    {
      title: "end what another clinic shares with the clinic",
      sql: "delete from app_public.resource_shares where organization_id = $1 and clinic_id = $2",
      values: ofClinic,
      allowed: ["elsewhere"],
    },
  ],
  refused: [
    `insert into app_public.break_glass_grants (organization_id, patient_id, home_clinic_id, user_id, reason, expires_at)
      values (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), auth.uid(), 'because I can', now())`,
    "update app_public.break_glass_grants set expires_at = now() + interval '1 hour'",
    "update app_public.break_glass_grants set user_id = gen_random_uuid()",
    "update app_public.resource_shares set clinic_id = gen_random_uuid()",
    "update app_public.resource_shares set care_session_id = gen_random_uuid()",
  ],
};
