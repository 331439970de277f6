import { jsonArray, sha256 } from "./canonicalEvent.ts";

/** What one organization's events of one checkpoint amount to; `organizationId` is null for events of none. */
export interface Seal {
  checkpointSequence: string;
  organizationId: string | null;
  eventCount: string;
  firstEventId: string;
  lastEventId: string;
  /** Hexadecimal, like every hash here. */
  merkleRoot: string;
  /** sealHash() of the organization's seal before; null for its first. */
  previousSealHash: string | null;
}

/** A link of the global chain, signed outside of the database. */
export interface Checkpoint {
  sequence: string;
  timeline: number;
  /** It covers the events of its timeline with firstTransaction <= transaction < horizon. */
  firstTransaction: string;
  horizon: string;
  systemIdentifier: string;
  /** Microseconds since 1970. */
  sealedAt: string;
  eventCount: string;
  /** Merkle root over the hashes of its seals, in order of their organizations, none first. */
  root: string;
  /** checkpointHash() of the one before; null for the first. */
  previousHash: string | null;
  keyId: string;
}

export interface SignedCheckpoint extends Checkpoint {
  /** Ed25519 over checkpointMessage(), hexadecimal. */
  signature: string;
}

export const CHECKPOINT_COLUMNS = `
  c.sequence::text, c.timeline, c.first_transaction::text as "firstTransaction", c.horizon::text,
  c.system_identifier::text as "systemIdentifier",
  (extract(epoch from c.sealed_at) * 1000000)::bigint::text as "sealedAt", c.event_count::text as "eventCount",
  encode(c.root, 'hex') as root, encode(c.previous_hash, 'hex') as "previousHash", c.key_id as "keyId",
  encode(c.signature, 'hex') as signature`;

export const SEAL_COLUMNS = `
  s.checkpoint_sequence::text as "checkpointSequence", s.organization_id as "organizationId",
  s.event_count::text as "eventCount", s.first_event_id as "firstEventId", s.last_event_id as "lastEventId",
  encode(s.merkle_root, 'hex') as "merkleRoot", encode(s.previous_seal_hash, 'hex') as "previousSealHash"`;

/** The order of seals in a checkpoint's tree, and of events in a seal's: for `order by`. */
export const SEAL_ORDER = "organization_id nulls first";
export const EVENT_ORDER = "e.transaction_id, e.id";

/** 32 bytes that stand for a seal in its checkpoint's tree and in the organization's chain. */
export function sealHash(seal: Seal): Buffer {
  return sha256(
    jsonArray([
      "seal/1",
      seal.checkpointSequence,
      seal.organizationId,
      seal.eventCount,
      seal.firstEventId,
      seal.lastEventId,
      seal.merkleRoot,
      seal.previousSealHash,
    ]),
  );
}

/** The text that is signed. */
export function checkpointMessage(checkpoint: Checkpoint): string {
  return jsonArray([
    "checkpoint/1",
    checkpoint.sequence,
    checkpoint.timeline,
    checkpoint.firstTransaction,
    checkpoint.horizon,
    checkpoint.systemIdentifier,
    checkpoint.sealedAt,
    checkpoint.eventCount,
    checkpoint.root,
    checkpoint.previousHash,
    checkpoint.keyId,
  ]);
}

/** 32 bytes that the next checkpoint names. */
export function checkpointHash(checkpoint: SignedCheckpoint): Buffer {
  return sha256(checkpointMessage(checkpoint), Buffer.from(checkpoint.signature, "hex"));
}
