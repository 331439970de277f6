import { randomBytes } from "node:crypto";

import pg from "pg";

import { type Actor, applySettings, requestSettings } from "../../src/access/world/rolledBack.ts";
import type { Config } from "../../src/config.ts";
import { makeCredentialBoxes } from "../../src/integrations/credentials.ts";
import { makeWebhookSecret } from "../../src/outbound/signWebhook.ts";
import type { TestDatabase } from "../support/database.ts";
import { LOOPBACK } from "../support/receiver.ts";

const KEYS = randomBytes(32).toString("base64");
export const BOXES = makeCredentialBoxes(KEYS);

/** A worker's configuration that can open secrets and may send to this machine. */
export function outboundConfig(config: Config, googleApiUrl: string | null = null): Config {
  return {
    ...config,
    integrations: { keys: KEYS },
    outbound: { webhookNetworks: LOOPBACK, googleApiUrl },
  };
}

/** Runs one statement as the gateway does for a person, and commits it. */
export async function commitAs(
  { urls }: TestDatabase,
  person: Actor,
  sql: string,
  values: unknown[],
): Promise<void> {
  const client = new pg.Client({ connectionString: urls.gateway });
  await client.connect();
  try {
    await client.query("begin");
    await applySettings(client, requestSettings(person));
    await client.query(sql, values);
    await client.query("commit");
  } finally {
    await client.end();
  }
}

/** Everything by which a test knows an endpoint. */
export interface TestEndpoint {
  id: string;
  secret: string;
}

/** An endpoint with a secret, made as superuser. */
export async function createEndpoint(
  { superuser }: TestDatabase,
  organizationId: string,
  url: string,
  kinds: readonly string[] = ["appointment_created", "appointment_changed"],
): Promise<TestEndpoint> {
  const { rows } = await superuser.query<{ id: string }>(
    `insert into app_public.webhook_endpoints (organization_id, url, event_kinds, secret_made_at)
     values ($1, $2, $3::app_public.webhook_event_kind[], now()) returning id`,
    [organizationId, url, kinds],
  );
  const id = rows[0]?.id ?? "";
  const secret = makeWebhookSecret();
  const sealed = BOXES?.webhook_secrets.seal(id, secret);
  await superuser.query(
    `insert into app_private.webhook_secrets (organization_id, endpoint_id, key_id, nonce, ciphertext)
     values ($1, $2, $3, $4, $5)`,
    [organizationId, id, sealed?.keyId, sealed?.nonce, sealed?.ciphertext],
  );
  return { id, secret };
}

export interface Delivery {
  id: string;
  endpoint_id: string;
  event_id: string;
  status: string;
  attempts: number;
  response_status: number | null;
  failure: string | null;
  seconds: number | null;
}

/** Deliveries to an endpoint in their order, with the seconds until the next attempt. */
export async function deliveriesTo({ superuser }: TestDatabase, endpointId: string): Promise<Delivery[]> {
  const { rows } = await superuser.query<Delivery>(
    `select id, endpoint_id, event_id, status::text, attempts, response_status, failure,
       extract(epoch from next_attempt_at - now())::float as seconds
     from app_public.webhook_deliveries where endpoint_id = $1 order by id`,
    [endpointId],
  );
  return rows;
}
