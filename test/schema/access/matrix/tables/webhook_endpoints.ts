import { INSERT, values } from "../../../../../src/access/world/tables/webhook_endpoints.ts";
import { ADMINISTRATORS, type MatrixPart, ofClinic, ofOrganization, row } from "../part.ts";

export const PART: MatrixPart = {
  visible: {
    "app_public.webhook_endpoints": row(0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0),
    "app_public.webhook_deliveries": row(0, 0, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 0, 0, 0),
  },
  deletable: ["app_public.webhook_endpoints"],
  writes: [
    {
      title: "add a webhook endpoint",
      sql: INSERT,
      values: ({ here }) => values(here),
      allowed: ADMINISTRATORS,
    },
    {
      title: "add a webhook endpoint of another organization",
      sql: INSERT,
      values: ({ abroad }) => values(abroad),
      allowed: [],
    },
    {
      title: "send webhooks elsewhere",
      sql: "update app_public.webhook_endpoints set url = 'https://example.com/other' where organization_id = $1",
      values: ofOrganization,
      allowed: ADMINISTRATORS,
    },
    {
      title: "switch a webhook endpoint off",
      sql: "update app_public.webhook_endpoints set active = false where organization_id = $1",
      values: ofOrganization,
      allowed: ADMINISTRATORS,
    },
    {
      title: "remove a webhook endpoint",
      sql: "delete from app_public.webhook_endpoints where organization_id = $1",
      values: ofOrganization,
      allowed: ADMINISTRATORS,
    },
    {
      title: "replay a delivery",
      sql: `select app_public.replay_webhook_delivery(d.id)
        from app_public.webhook_deliveries d where d.organization_id = $1 and d.clinic_id = $2`,
      values: ofClinic,
      allowed: ADMINISTRATORS,
    },
  ],
  refused: [
    "update app_public.webhook_endpoints set secret_made_at = now()",
    "update app_public.webhook_endpoints set failing_since = null",
    "update app_public.webhook_endpoints set disabled_at = null",
    "insert into app_public.webhook_deliveries (organization_id, clinic_id, endpoint_id, event_id, event_kind, subject_ids) values (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'appointment_created', '{}')",
    "update app_public.webhook_deliveries set status = 'waiting'",
    "select * from app_private.webhook_secrets",
    "select * from app_hidden.webhook_to_deliver(gen_random_uuid())",
    "select app_hidden.record_webhook_attempt(gen_random_uuid(), 1, 200, null)",
    "select app_hidden.settle_webhook_attempt(gen_random_uuid(), 1, 200, null)",
    "select app_hidden.administrators_of_job()",
    "select app_hidden.tell_administrators('', '', gen_random_uuid(), '')",
  ],
};
