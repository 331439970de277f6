import type { Task } from "graphile-worker";

import { inOrganization, organizationOf } from "../jobs/inOrganization.ts";

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- how graphile-worker learns of a task's payload
  namespace GraphileWorker {
    interface Tasks {
      metrics__calculate: { organizationId: string };
    }
  }
}

/** Records are often completed late; what is older than this is calculated by hand (`calculateMetrics`). */
const DAYS = 35;

/**
 * Derives the metrics of an organization's clinics from its records, for the last days. Tomorrow is among them, because
 * clinics ahead of UTC are in it already. Running it twice changes nothing the second time.
 */
const task: Task<"metrics__calculate"> = async (payload, { logger, withPgClient }) => {
  const organizationId = organizationOf("metrics__calculate", payload);
  const changed = await inOrganization(withPgClient, organizationId, async (client) => {
    const { rows } = await client.query<{ changed: number }>(
      `select app_hidden.calculate_organization_metrics($1::uuid, current_date - $2::int, current_date + 1) as changed`,
      [organizationId, DAYS],
    );
    return rows[0]?.changed ?? 0;
  });
  logger.info(`${changed} figures of organization '${organizationId}' changed.`);
};

export default task;
