import { invalidPayload, tenantTask } from "../jobs/tenantTask.ts";

const CREATE = `\
select count(r.id)::int as made
from (
  select c.id from app_public.clinics c where c.organization_id = $1::uuid and c.active
  union all
  select null where exists (select from app_public.organizations o where o.id = $1::uuid)
) scope
cross join lateral app_public.create_report('week', $2::date, scope.id, $1::uuid) r`;

/**
 * Makes the week's report of each open clinic and of the organization as a whole, or brings it up to date; each then has a job
 * `report__write` that writes its files and tells those whom it is for. Running it twice makes no second report. `day` is any day
 * of the week that the reports are of, as YYYY-MM-DD.
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
      const { rows } = await client.query<{ made: number }>(CREATE, [organizationId, day]);
      return rows[0]?.made ?? 0;
    });
    if (made === 0) {
      return { nothing: `There is no organization '${organizationId}' (any more).` };
    }
  },
});
