import type { ClientBase } from "pg";

import { AppError } from "../errors/AppError.ts";
import { type AuditEvent, canonicalEvent, EVENT_COLUMNS, hashEvent } from "./canonicalEvent.ts";
import { inclusionPath, leafHash, type PathStep } from "./merkleTree.ts";
import { readSeals } from "./readSeals.ts";
import { CHECKPOINT_COLUMNS, type Seal, sealHash, type SignedCheckpoint } from "./seals.ts";
import type { PublicAuditKey } from "./signingKeys.ts";

/** Shows that one event was sealed as it is, to somebody who has nothing but the public keys (scripts/verifyProof.mjs). */
export interface EventProof {
  format: "bailiwick-audit-proof/1";
  /** The text whose SHA-256 is the content of the leaf. */
  event: string;
  /** From the event's leaf to the seal's root. */
  eventPath: PathStep[];
  seal: Seal;
  /** From the seal's leaf to the checkpoint's root. */
  sealPath: PathStep[];
  checkpoint: SignedCheckpoint;
  /** The keys up to the checkpoint's, each vouched for by the one before. */
  keys: PublicAuditKey[];
}

/**
 * @param client any role that may read app_audit.
 * @throws NOT_FOUND when there is no such event, or no checkpoint covers it yet.
 */
export async function proveEvent(
  client: ClientBase,
  eventId: string,
  publicKeys: readonly PublicAuditKey[],
): Promise<EventProof> {
  const { rows: events } = await client.query<AuditEvent>(
    `select ${EVENT_COLUMNS} from app_audit.events e where e.id = $1`,
    [eventId],
  );
  const [event] = events;
  const checkpoint = event && (await checkpointOf(client, event));
  if (!event || !checkpoint) {
    throw new AppError(
      "NOT_FOUND",
      event ? "The event is not sealed yet; try again in a minute." : "There is no such event.",
    );
  }
  const seals = await readSeals(client, checkpoint.sequence);
  const at = seals.findIndex(({ organizationId }) => organizationId === event.organizationId);
  const stored = seals[at];
  if (!stored) {
    throw new AppError("NOT_FOUND", "No seal covers the event: it was added afterwards.");
  }
  const { leaves, ...seal } = stored;
  const leaf = leafHash(hashEvent(event));
  const position = leaves.findIndex((other) => other.equals(leaf));
  if (position === -1) {
    throw new AppError("NOT_FOUND", "The event is not as it was sealed; see 'npx bailiwick audit verify'.");
  }
  const last = publicKeys.findIndex(({ keyId }) => keyId === checkpoint.keyId);
  return {
    format: "bailiwick-audit-proof/1",
    event: canonicalEvent(event),
    eventPath: inclusionPath(leaves, position),
    seal,
    sealPath: inclusionPath(
      seals.map((other) => leafHash(sealHash(other))),
      at,
    ),
    checkpoint,
    keys: publicKeys.slice(0, last + 1),
  };
}

async function checkpointOf(client: ClientBase, event: AuditEvent): Promise<SignedCheckpoint | undefined> {
  const { rows } = await client.query<SignedCheckpoint>(
    `select ${CHECKPOINT_COLUMNS}
     from app_audit.checkpoints c
     where c.timeline = $1 and c.first_transaction <= $2::xid8 and c.horizon > $2::xid8`,
    [event.timeline, event.transactionId],
  );
  return rows[0];
}
