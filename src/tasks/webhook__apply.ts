import { isUuid } from "../auth/claims.ts";
import { systemTask } from "../jobs/systemTask.ts";
import { invalidPayload } from "../jobs/tenantTask.ts";
import { applyWebhook } from "../webhooks/applyWebhook.ts";
import type { WebhookEvent } from "../webhooks/WebhookEvent.ts";

/**
 * Makes what Stripe or Clerk has sent take effect. The event is taken, applied and finished in one transaction, so it
 * takes effect once, however often the job runs; one that fails waits as it is for the next attempt.
 */
export default systemTask("webhook__apply", {
  timeout: 60_000,
  // What an event needs may come days after it: a customer of Stripe before its organization.
  maxAttempts: 25,
  parse(payload): string {
    const { webhookEventId } = payload;
    if (!isUuid(webhookEventId)) {
      throw invalidPayload("webhook__apply", "a webhookEventId that is a uuid", payload);
    }
    return webhookEventId;
  },
  async perform({ payload: id, inSystem, logger }) {
    const outcome = await inSystem(async (client) => {
      const { rows } = await client.query<{ payload: WebhookEvent }>(
        "select payload from app_hidden.take_webhook($1::uuid)",
        [id],
      );
      if (!rows[0]) {
        return null;
      }
      const sentence = await applyWebhook(client, rows[0].payload);
      await client.query("select app_hidden.finish_webhook($1::uuid)", [id]);
      return sentence;
    });
    if (outcome === null) {
      return { nothing: `Webhook event '${id}' was applied before, or another job is at it.` };
    }
    logger.info(`Webhook event '${id}': ${outcome}`);
  },
});
