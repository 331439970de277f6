import type { ClientBase } from "pg";

import type { CredentialBox } from "../integrations/credentials.ts";
import { PostFailure, postOutside } from "./postOutside.ts";
import { signWebhook } from "./signWebhook.ts";

/** One transaction as the worker, which sees one organization. */
export type InTenant = <T>(work: (client: ClientBase) => Promise<T>) => Promise<T>;

export interface DeliveryParts {
  inTenant: InTenant;
  /** Opens what is sealed for webhook_secrets. */
  box: CredentialBox;
  networks: readonly string[];
  signal: AbortSignal;
}

/** A delivery, once for each secret that is valid. */
interface DeliveryRow {
  endpoint_id: string;
  url: string;
  event_id: string;
  event_kind: string;
  clinic_id: string;
  subject_ids: string[];
  happened_at: Date;
  attempts: number;
  key_id: string;
  nonce: Buffer;
  ciphertext: Buffer;
}

interface Attempt {
  status: number | null;
  /** Null when the endpoint has taken it. */
  failure: string | null;
}

/**
 * Sends one delivery once and puts on record how that went; SQL decides what follows (outbound/deliver_webhook.sql).
 * Nothing is held open while the other side thinks. It can be sent twice when a worker dies in between, with the same
 * `webhook-id`.
 *
 * @returns what became of it, in words for the log, without the address and the answer; null when nothing waits.
 */
export async function deliverWebhook(deliveryId: string, parts: DeliveryParts): Promise<string | null> {
  const rows = await parts.inTenant(async (client) => {
    const found = await client.query<DeliveryRow>("select * from app_hidden.webhook_to_deliver($1::uuid)", [
      deliveryId,
    ]);
    return found.rows;
  });
  const [delivery] = rows;
  if (delivery === undefined) {
    return null;
  }
  const { status, failure } = await attempt(rows, parts);
  await parts.inTenant((client) =>
    client.query("select app_hidden.record_webhook_attempt($1::uuid, $2, $3, $4)", [
      deliveryId,
      delivery.attempts + 1,
      status,
      failure,
    ]),
  );
  return failure === null ? `delivered with status ${status}` : `failed: ${failure}, status ${status}`;
}

async function attempt(
  rows: readonly DeliveryRow[],
  { box, networks, signal }: DeliveryParts,
): Promise<Attempt> {
  const [delivery] = rows;
  const secrets = openSecrets(rows, box);
  if (delivery === undefined || secrets === null) {
    return { status: null, failure: "secret_unreadable" };
  }
  const body = JSON.stringify({
    type: delivery.event_kind,
    timestamp: delivery.happened_at.toISOString(),
    data: { clinicId: delivery.clinic_id, ids: delivery.subject_ids },
  });
  const signed = signWebhook({ id: delivery.event_id, body, sentAt: new Date() }, secrets);
  const headers = { "content-type": "application/json", "user-agent": "bailiwick", ...signed };
  try {
    const { status } = await postOutside(delivery.url, { headers, body, networks, signal });
    return { status, failure: status >= 200 && status < 300 ? null : "status" };
  } catch (error) {
    if (error instanceof PostFailure) {
      return { status: null, failure: error.code };
    }
    throw error;
  }
}

/** Null when one of them was sealed with a key that is not here any more: somebody has to rotate it. */
function openSecrets(rows: readonly DeliveryRow[], box: CredentialBox): string[] | null {
  try {
    return rows.map(({ endpoint_id: endpointId, key_id: keyId, nonce, ciphertext }) =>
      box.open(endpointId, { keyId, nonce, ciphertext }),
    );
  } catch {
    return null;
  }
}
