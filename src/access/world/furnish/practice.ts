import type { RolledBack } from "../rolledBack.ts";
import type { World } from "../world.ts";

/** Two transcripts of every session, a draft and a final one; a template of each scope; an export asked for by a provider. */
export async function furnishPractice(
  { superuser }: RolledBack,
  { own, foreign, here, there, abroad }: World,
): Promise<void> {
  await superuser.query(
    `insert into app_public.session_transcripts (organization_id, clinic_id, care_session_id, status)
     select s.organization_id, s.clinic_id, s.id, stage
     from app_public.care_sessions s
     cross join unnest(enum_range(null::app_public.transcript_status)) as stage`,
  );
  for (const { clinic, provider } of [here, there, abroad]) {
    const tenant = [clinic.organizationId, clinic.id];
    await superuser.query(
      "insert into app_public.session_templates (organization_id, clinic_id, name, version, body) values ($1, $2, 'Clinic', 1, 'x')",
      tenant,
    );
    await superuser.query(
      "insert into app_public.export_requests (organization_id, clinic_id, kind, created_by) values ($1, $2, 'patients', $3)",
      [...tenant, provider.userId],
    );
  }
  await superuser.query(
    `insert into app_public.session_templates (organization_id, name, version, body)
     values ($1, 'Organization', 1, 'x'), ($2, 'Organization', 1, 'x'), (null, 'System', 1, 'x')`,
    [own, foreign],
  );
}
