import { createHash } from "node:crypto";

import { type DemoRows, inClinic } from "./demoClinics.ts";
import { demoId } from "./demoId.ts";
import { demoUserId } from "./demoPeople.ts";
import { appointmentId, careSessionId, homeClinicId, patientId } from "./demoRecords.ts";

/** Takes the demo invitation, for whoever signs in with its address; public, like the demo people's password. */
export const DEMO_INVITATION_CODE = "demo-invitation-to-acme-corp";

/** Carol reads what Alice wrote of Marie's visit; for `app_data`, after DEMO_RECORDS. */
export const DEMO_SHARES: DemoRows = {
  resource_shares: [
    {
      id: demoId("resource_share/marie"),
      ...inClinic("riverside"),
      owner_clinic_id: inClinic("downtown").clinic_id,
      care_session_id: careSessionId("marie", "2026-02-03T15:00:00Z"),
      created_by: demoUserId("alice"),
    },
  ],
};

/** What Acme has bought is for the operator to say; Tech Startup tries one feature that its free plan lacks. */
export const DEMO_FLAGS: DemoRows = {
  organization_feature_flags: [
    {
      id: demoId("organization_feature_flag/tech/integrations"),
      organization_id: inClinic("startup").organization_id,
      flag_key: "integrations",
      enabled: true,
    },
  ],
};

/**
 * What only people and jobs write, and no import: for the administrator's own connection.
 *
 * @param now the invitation is open for a year from then: one with a fixed end would be of no use after it.
 */
export function makeDemoDealings(now: Date): DemoRows {
  const inAYear = new Date(now);
  inAYear.setUTCFullYear(now.getUTCFullYear() + 1);
  return {
    invitations: [
      {
        id: demoId("invitation/acme/frank"),
        ...inClinic("riverside"),
        email: "frank@example.com",
        organization_role: "member",
        clinic_role: "staff",
        code_hash: `\\x${createHash("sha256").update(DEMO_INVITATION_CODE).digest("hex")}`,
        expires_at: inAYear.toISOString(),
        created_by: demoUserId("alice"),
      },
    ],
    break_glass_grants: [
      {
        id: demoId("break_glass_grant/carol/marie"),
        organization_id: inClinic("downtown").organization_id,
        patient_id: patientId("marie"),
        home_clinic_id: homeClinicId("marie"),
        user_id: demoUserId("carol"),
        reason: "Collapsed in our waiting room; her medication was unknown to us.",
        created_at: "2026-02-20T15:05:00Z",
        expires_at: "2026-02-20T16:05:00Z",
        reviewed_at: "2026-02-21T09:00:00Z",
        reviewed_by: demoUserId("alice"),
        review_note: "Justified.",
        created_by: demoUserId("carol"),
      },
    ],
    // Asked for by Alice, not imported: the worker writes its file.
    export_requests: [
      {
        id: demoId("export_request/downtown/appointments"),
        ...inClinic("downtown"),
        kind: "appointments",
        filter: { first_day: "2026-02-01", last_day: "2026-02-28", status: "completed" },
        format: "csv",
        created_by: demoUserId("alice"),
      },
    ],
    notifications: (
      [
        ["alice", "marie", "2027-06-08T15:00:00Z", null],
        ["alice", "pat", "2027-06-08T14:00:00Z", "2026-02-03T16:00:00Z"],
        ["carol", "lucy", "2027-06-15T16:00:00Z", null],
      ] as const
    ).map(([person, patient, startsAt, readAt]) => ({
      id: demoId(`notification/${person}/${patient}/${startsAt}`),
      organization_id: inClinic("downtown").organization_id,
      user_id: demoUserId(person),
      kind: "appointment_booked",
      subject_table: "appointments",
      subject_id: appointmentId(patient, startsAt),
      effect_key: `demo/${patient}/${startsAt}`,
      read_at: readAt,
    })),
  };
}
