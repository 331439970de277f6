import { type MatrixPart, ofClinic, row, RUNS_CLINIC } from "./part.ts";

/** An integration of every clinic, with a run and a sealed secret. */
export const INTEGRATIONS: MatrixPart = {
  async furnish({ superuser }, { here, there, abroad }) {
    for (const { clinic } of [here, there, abroad]) {
      await superuser.query(
        `with integration as (
           insert into app_public.integrations (organization_id, clinic_id, provider, name)
           values ($1, $2, 'google_sheets', 'Figures')
           returning id
         ), run as (
           insert into app_public.integration_sync_runs (organization_id, clinic_id, integration_id, status, finished_at)
           select $1, $2, id, 'succeeded', now() from integration
         )
         insert into app_private.integration_credentials
           (integration_id, organization_id, clinic_id, key_id, nonce, ciphertext)
         select id, $1, $2, repeat('a', 16), substring(sha256(id::text::bytea) for 12), sha256('secret') from integration`,
        [clinic.organizationId, clinic.id],
      );
    }
  },
  visible: {
    "app_public.integrations": row(1, 1, 1, 1, 1, 1, 2, 2, 0, 0, 3, 0, 0),
    "app_public.integration_sync_runs": row(1, 1, 1, 1, 1, 1, 2, 2, 0, 0, 3, 0, 0),
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
