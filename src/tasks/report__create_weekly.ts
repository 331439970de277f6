import type { Task } from "graphile-worker";

import { inOrganization, organizationOf } from "../jobs/inOrganization.ts";

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- how graphile-worker learns of a task's payload
  namespace GraphileWorker {
    interface Tasks {
      report__create_weekly: {
        organizationId: string;
        /** Any day of the week that the reports are of, as YYYY-MM-DD. */
        day: string;
      };
    }
  }
}

/**
 * Makes the week's report of each open clinic and of the organization as a whole, or brings it up to date. Running it
 * twice makes no second report.
 */
const task: Task<"report__create_weekly"> = async (payload, { withPgClient }) => {
  const organizationId = organizationOf("report__create_weekly", payload);
  await inOrganization(withPgClient, organizationId, (client) =>
    client.query(
      `\
select r.id
from (
  select c.id from app_public.clinics c where c.organization_id = $1::uuid and c.active
  union all
  select null where exists (select from app_public.organizations o where o.id = $1::uuid)
) scope
cross join lateral app_public.create_report('week', $2::date, scope.id, $1::uuid) r`,
      [organizationId, payload.day],
    ),
  );
};

export default task;
