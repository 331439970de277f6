import { type DemoRows, inClinic } from "../demoClinics.ts";
import { demoId } from "../demoId.ts";
import { demoUserId } from "../demoPeople.ts";
import { appointmentId } from "../demoRecords.ts";

const ENDPOINT_ID = demoId("webhook_endpoint/acme");

/** Switched off: an address that nobody answers at is not to be called from a demo. One delivery had arrived before. */
export const ROWS: DemoRows = {
  webhook_endpoints: [
    {
      id: ENDPOINT_ID,
      organization_id: inClinic("downtown").organization_id,
      url: "https://example.com/bailiwick",
      event_kinds: "{appointment_created,appointment_changed}",
      active: false,
      created_by: demoUserId("alice"),
    },
  ],
  webhook_deliveries: [
    {
      id: demoId("webhook_delivery/acme"),
      ...inClinic("downtown"),
      endpoint_id: ENDPOINT_ID,
      event_id: demoId("webhook_event/acme"),
      event_kind: "appointment_created",
      subject_ids: `{${appointmentId("pat", "2026-02-03T14:00:00Z")}}`,
      happened_at: "2026-01-20T16:00:00Z",
      status: "delivered",
      attempts: 1,
      next_attempt_at: null,
      response_status: 204,
      finished_at: "2026-01-20T16:00:01Z",
    },
  ],
};
