import { isUuid } from "../auth/claims.ts";
import { JobProblem } from "../jobs/JobProblem.ts";
import { taskServices } from "../jobs/taskServices.ts";
import { invalidPayload, tenantTask } from "../jobs/tenantTask.ts";
import { deliverWebhook } from "../outbound/deliverWebhook.ts";

/** Sends one delivery to its endpoint once. One that fails is sent again by a job of its own, later each time. */
export default tenantTask("webhook__deliver", {
  timeout: 30_000,
  parse(payload): string {
    const { deliveryId } = payload;
    if (!isUuid(deliveryId)) {
      throw invalidPayload("webhook__deliver", "a deliveryId that is a uuid", payload);
    }
    return deliveryId;
  },
  async perform({ payload: deliveryId, organizationId, inTenant, signal, logger }) {
    const { credentials, outbound } = taskServices();
    if (credentials === null) {
      throw new JobProblem("not_ready", "INTEGRATION_KEY is not set: no webhook can be signed.");
    }
    const outcome = await deliverWebhook(deliveryId, {
      inTenant,
      signal,
      box: credentials.webhook_secrets,
      networks: outbound.webhookNetworks,
    });
    if (outcome === null) {
      return {
        nothing: `Delivery '${deliveryId}' does not wait in organization '${organizationId}' (any more).`,
      };
    }
    logger.info(`Delivery '${deliveryId}': ${outcome}`);
  },
});
