import { type MatrixPart, ofClinic, row, RUNS_CLINIC } from "./part.ts";

export const INTEGRATIONS: MatrixPart = {
  visible: {
    "app_public.integrations": row(1, 1, 1, 1, 1, 1, 2, 2, 0, 0, 3, 0, 1, 0, 0),
    "app_public.integration_sync_runs": row(1, 1, 1, 1, 1, 1, 2, 2, 0, 0, 3, 0, 1, 0, 0),
  },
  deletable: ["app_public.integrations"],
  writes: [
    {
      title: "connect the clinic",
      sql: "insert into app_public.integrations (organization_id, clinic_id, provider, name) values ($1, $2, 'google_sheets', 'New')",
      values: ofClinic,
      allowed: RUNS_CLINIC,
    },
    {
      title: "let a new integration sync by itself, which the plan does not include",
      sql: `insert into app_public.integrations (organization_id, clinic_id, provider, name, schedule)
        values ($1, $2, 'google_sheets', 'New', 'daily')`,
      values: ofClinic,
      allowed: [],
    },
    {
      title: "let an integration sync by itself, which the plan does not include",
      sql: "update app_public.integrations set schedule = 'daily' where organization_id = $1 and clinic_id = $2",
      values: ofClinic,
      allowed: [],
    },
    {
      title: "pause an integration",
      sql: "update app_public.integrations set active = false where organization_id = $1 and clinic_id = $2",
      values: ofClinic,
      allowed: RUNS_CLINIC,
    },
    {
      title: "remove an integration",
      sql: "delete from app_public.integrations where organization_id = $1 and clinic_id = $2",
      values: ofClinic,
      allowed: RUNS_CLINIC,
    },
  ],
  refused: [
    "update app_public.integrations set provider = 'google_calendar'",
    "update app_public.integrations set connected_at = now()",
    "update app_public.integrations set clinic_id = gen_random_uuid()",
    "insert into app_public.integration_sync_runs (organization_id, clinic_id, integration_id) values (gen_random_uuid(), gen_random_uuid(), gen_random_uuid())",
    "update app_public.integration_sync_runs set status = 'succeeded'",
    "select * from app_private.integration_credentials",
  ],
};
