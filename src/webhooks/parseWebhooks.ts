/** Secrets with which webhooks are signed, several while one is being replaced; null: that webhook is not served. */
export interface WebhooksConfig {
  stripeSecrets: readonly string[] | null;
  clerkSecrets: readonly string[] | null;
}

/** `text`: the reader of a variable, as src/config.ts has it. */
export function parseWebhooks({ text }: { text(name: string): string | null }): WebhooksConfig {
  const secrets = (name: string) =>
    text(name)
      ?.split(",")
      .map((secret) => secret.trim()) ?? null;
  return { stripeSecrets: secrets("STRIPE_WEBHOOK_SECRET"), clerkSecrets: secrets("CLERK_WEBHOOK_SECRET") };
}
