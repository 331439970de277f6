import type { World } from "../../../../src/access/world/world.ts";
import { ADMINISTRATORS, type MatrixPart, ofClinic, ofOrganization, row, TREATING } from "./part.ts";

const OPERATOR = ["superadmin", "support"] as const;
const ofSession = ({ own, here }: World) => [own, here.clinic.id, here.careSessionId];

export const PRACTICE: MatrixPart = {
  visible: {
    // Of the session of there that is shared with here, the final one.
    "app_public.session_transcripts": row(5, 5, 5, 5, 7, 4, 0, 0, 1, 0, 14, 0, 6, 0, 0),
    "app_public.session_templates": row(3, 3, 3, 3, 3, 3, 4, 4, 1, 6, 6, 1, 3, 0, 0),
    "app_public.export_requests": row(1, 1, 0, 0, 1, 1, 2, 2, 0, 3, 3, 0, 0, 0, 0),
  },
  writes: [
    {
      title: "write a transcript",
      sql: "insert into app_public.session_transcripts (organization_id, clinic_id, care_session_id) values ($1, $2, $3)",
      values: ofSession,
      allowed: TREATING,
    },
    {
      title: "change a draft",
      sql: `update app_public.session_transcripts set language = 'fr'
        where organization_id = $1 and clinic_id = $2 and care_session_id = $3 and status = 'draft'`,
      values: ofSession,
      allowed: TREATING,
    },
    {
      title: "save a clinic's template",
      sql: "insert into app_public.session_templates (organization_id, clinic_id, name, version, body) values ($1, $2, 'Clinic', 2, 'y')",
      values: ofClinic,
      allowed: [...TREATING, ...ADMINISTRATORS],
    },
    {
      title: "save an organization's template",
      sql: "insert into app_public.session_templates (organization_id, name, version, body) values ($1, 'Organization', 2, 'y')",
      values: ofOrganization,
      allowed: ADMINISTRATORS,
    },
    {
      title: "save a system template",
      sql: "insert into app_public.session_templates (organization_id, name, version, body) values (null, 'System', 2, 'y')",
      values: () => [],
      allowed: OPERATOR,
    },
    {
      title: "retire a clinic's template",
      sql: "update app_public.session_templates set retired_at = now() where organization_id = $1 and clinic_id = $2",
      values: ofClinic,
      allowed: [...TREATING, ...ADMINISTRATORS],
    },
    {
      title: "retire an organization's template",
      sql: "update app_public.session_templates set retired_at = now() where organization_id = $1 and clinic_id is null",
      values: ofOrganization,
      allowed: ADMINISTRATORS,
    },
    {
      title: "retire a system template",
      sql: "update app_public.session_templates set retired_at = now() where organization_id is null",
      values: () => [],
      allowed: OPERATOR,
    },
    {
      title: "ask for an export",
      sql: "insert into app_public.export_requests (organization_id, clinic_id, kind) values ($1, $2, 'appointments')",
      values: ofClinic,
      allowed: TREATING,
    },
    {
      title: "withdraw somebody's export",
      sql: "update app_public.export_requests set status = 'cancelled' where organization_id = $1 and clinic_id = $2",
      values: ofClinic,
      // Who asked for it.
      allowed: ["provider"],
    },
  ],
  refused: [
    "update app_public.session_transcripts set care_session_id = gen_random_uuid()",
    "update app_public.session_transcripts set clinic_id = gen_random_uuid()",
    "update app_public.session_templates set body = 'z'",
    "update app_public.session_templates set organization_id = null",
    "update app_public.export_requests set expires_at = now() + interval '1 year'",
    "update app_public.export_requests set created_by = auth.uid()",
    "select * from app_private.export_links",
    "select app_hidden.live_exports('{}')",
  ],
};
