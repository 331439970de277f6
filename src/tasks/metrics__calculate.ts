import { tenantTask } from "../jobs/tenantTask.ts";

/** Records are often completed late; what is older than this is calculated by hand (`calculateMetrics`). */
const DAYS = 35;

/**
 * Derives the metrics of an organization's clinics from its records, for the last days. Tomorrow is among them, because
 * clinics ahead of UTC are in it already. Running it twice changes nothing the second time.
 */
export default tenantTask("metrics__calculate", {
  timeout: 10 * 60_000,
  parse: () => null,
  async perform({ organizationId, logger, inTenant }) {
    const changed = await inTenant(async (client) => {
      const { rows } = await client.query<{ changed: number }>(
        `select app_hidden.calculate_organization_metrics($1::uuid, current_date - $2::int, current_date + 1) as changed`,
        [organizationId, DAYS],
      );
      return rows[0]?.changed ?? 0;
    });
    logger.info(`${changed} figures of organization '${organizationId}' changed.`);
  },
});
