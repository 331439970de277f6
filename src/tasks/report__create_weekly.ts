import { invalidPayload, tenantTask } from "../jobs/tenantTask.ts";

const CREATE = `\
select r.id
from (
  select c.id from app_public.clinics c where c.organization_id = $1::uuid and c.active
  union all
  select null where exists (select from app_public.organizations o where o.id = $1::uuid)
) scope
cross join lateral app_public.create_report('week', $2::date, scope.id, $1::uuid) r`;

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
where r.organization_id = $1::uuid and r.id = any ($2::uuid[])
on conflict (organization_id, effect_key) do nothing`;

/**
 * Makes the week's report of each open clinic and of the organization as a whole, or brings it up to date. Running it
 * twice makes no second report, and tells those whom it is for once. `day` is any day of the week that the reports are of, as YYYY-MM-DD.
 */
export default tenantTask("report__create_weekly", {
  timeout: 5 * 60_000,
  parse(payload): string {
    const { day } = payload;
    if (typeof day !== "string" || !/^\d{4}-\d{2}-\d{2}$/.test(day)) {
      throw invalidPayload("report__create_weekly", "a day as YYYY-MM-DD", payload);
    }
    return day;
  },
  async perform({ payload: day, organizationId, inTenant }) {
    const made = await inTenant(async (client) => {
      const { rows } = await client.query<{ id: string }>(CREATE, [organizationId, day]);
      const ids = rows.map(({ id }) => id);
      await client.query(NOTIFY, [organizationId, ids]);
      return ids.length;
    });
    if (made === 0) {
      return { nothing: `There is no organization '${organizationId}' (any more).` };
    }
  },
});
