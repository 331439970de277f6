import type { Task } from "graphile-worker";

import { isUuid } from "../auth/claims.ts";
import { inTransaction } from "../jobs/inOrganization.ts";
import { applyWebhook } from "../webhooks/applyWebhook.ts";
import type { WebhookEvent } from "../webhooks/WebhookEvent.ts";

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- how graphile-worker learns of a task's payload
  namespace GraphileWorker {
    interface Tasks {
      webhook__apply: { webhookEventId: string };
    }
  }
}

/**
 * Makes what Stripe or Clerk has sent take effect. The event is taken, applied and finished in one transaction, so it
 * takes effect once, however often the job runs; one that fails waits as it is for the next attempt.
 */
const task: Task<"webhook__apply"> = async (payload, { logger, withPgClient }) => {
  const { webhookEventId } = (payload ?? {}) as { webhookEventId?: unknown };
  if (!isUuid(webhookEventId)) {
    throw new Error(
      `webhook__apply needs a webhookEventId that is a uuid; the payload has the keys ${Object.keys(payload ?? {}).join(", ")}`,
    );
  }
  const outcome = await inTransaction(withPgClient, async (client) => {
    const { rows } = await client.query<{ payload: WebhookEvent }>(
      "select payload from app_hidden.take_webhook($1::uuid)",
      [webhookEventId],
    );
    if (!rows[0]) {
      return "It was applied before, or another job is at it.";
    }
    const sentence = await applyWebhook(client, rows[0].payload);
    await client.query("select app_hidden.finish_webhook($1::uuid)", [webhookEventId]);
    return sentence;
  });
  logger.info(`Webhook event '${webhookEventId}': ${outcome}`);
};

export default task;
