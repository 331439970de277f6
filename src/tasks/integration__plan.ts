import { tenantTask } from "../jobs/tenantTask.ts";

/** Adds what is due for the integrations of one organization (integrations/queue_syncs.sql). */
export default tenantTask("integration__plan", {
  timeout: 60_000,
  parse: () => null,
  async perform({ inTenant }) {
    await inTenant((client) => client.query("select app_hidden.queue_due_integrations()"));
  },
});
