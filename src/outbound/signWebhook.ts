import { randomBytes } from "node:crypto";

import { Webhook } from "standardwebhooks";

/** As Standard Webhooks recommends: 24 to 64 bytes. */
const SECRET_BYTES = 32;

/** A new secret, as its receiver puts it into a library of Standard Webhooks. */
export function makeWebhookSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString("base64")}`;
}

/**
 * The headers by which a receiver knows who sent a body, and when (https://www.standardwebhooks.com): one signature for
 * each secret, so that a receiver can go from one to the next.
 */
export function signWebhook(
  { id, body, sentAt }: { id: string; body: string; sentAt: Date },
  secrets: readonly string[],
): Record<string, string> {
  return {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(sentAt.getTime() / 1000)),
    "webhook-signature": secrets.map((secret) => new Webhook(secret).sign(id, sentAt, body)).join(" "),
  };
}
