import { isUuid } from "../auth/claims.ts";
import { taskServices } from "../jobs/taskServices.ts";
import { invalidPayload, tenantTask } from "../jobs/tenantTask.ts";
import { readReport } from "../reports/readReport.ts";
import { reportCsv } from "../reports/reportCsv.ts";
import { reportHtml } from "../reports/reportHtml.ts";
import { writeReportFile } from "../reports/writeReportFile.ts";

interface Payload {
  reportId: string;
  /** The schedule made the report, and nobody who waits for it. */
  isScheduled: boolean;
}

const SAY_WRITTEN = `\
update app_public.reports r
set html_byte_count = $3, html_sha256 = $4, csv_byte_count = $5, csv_sha256 = $6, written_at = clock_timestamp(),
  files_expire_at = clock_timestamp() + interval '35 days'
where r.organization_id = $1::uuid and r.id = $2::uuid`;

/** Those who run a clinic of its report, and the organization's owners and admins of the one of the whole. */
const NOTIFY = `\
insert into app_public.notifications (organization_id, user_id, kind, subject_table, subject_id, effect_key)
select r.organization_id, m.user_id, 'weekly_report', 'reports', r.id, 'weekly_report:' || r.id || ':' || m.user_id
from app_public.reports r
join (
  select organization_id, clinic_id, user_id from app_public.clinic_memberships where role = 'clinic_admin' and active
  union all
  select organization_id, null, user_id from app_public.organization_memberships
  where role in ('owner', 'admin') and active
) m on m.organization_id = r.organization_id and m.clinic_id is not distinct from r.clinic_id
where r.organization_id = $1::uuid and r.id = $2::uuid
on conflict (organization_id, effect_key) do nothing`;

/**
 * Writes a report into its two files, HTML and CSV, and tells those whom a scheduled one is for that it is there. The same
 * figures make the same files, so a second run writes over what the first one left, and nobody is told twice.
 */
export default tenantTask("report__write", {
  timeout: 60_000,
  parse({ reportId, isScheduled, ...others }): Payload {
    if (!isUuid(reportId) || typeof isScheduled !== "boolean") {
      const payload = { reportId, isScheduled, ...others };
      throw invalidPayload("report__write", "a reportId that is a uuid and isScheduled", payload);
    }
    return { reportId, isScheduled };
  },
  async perform({ payload: { reportId, isScheduled }, organizationId, inTenant }) {
    const folder = taskServices().exportFolder;
    const content = await inTenant((client) => readReport(client, organizationId, reportId));
    if (!content) {
      return {
        nothing: `There is no report '${reportId}' in organization '${organizationId}' (any more).`,
      };
    }
    const html = await writeReportFile(folder, reportId, reportHtml(content));
    const csv = await writeReportFile(folder, reportId, reportCsv(content));
    await inTenant(async (client) => {
      const files = [html.byteCount, html.sha256, csv.byteCount, csv.sha256];
      await client.query(SAY_WRITTEN, [organizationId, reportId, ...files]);
      if (isScheduled) {
        await client.query(NOTIFY, [organizationId, reportId]);
      }
    });
  },
});
