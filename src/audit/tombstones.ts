import type { ClientBase } from "pg";

import { jsonArray, sha256 } from "./canonicalEvent.ts";
import type { SigningKey } from "./signingKeys.ts";

/** Of a seal, some of whose events are gone: its checkpoint, its organization, and where they stood (printRanges()). */
export type PartialSeal = readonly [checkpoint: string, organizationId: string | null, positions: string];

/** What is left of a month of events that was removed. */
export interface Tombstone {
  sequence: string;
  /** Microseconds since 1970: the events were of this time, without its end. */
  coversFrom: string;
  coversUntil: string;
  eventCount: string;
  /** The checkpoints all of whose events are gone (printRanges()). */
  wholeCheckpoints: string;
  partialSeals: readonly PartialSeal[];
  /** Name of the export, without its folder, and the SHA-256 of all its bytes, hexadecimal like every hash here. */
  fileName: string;
  fileHash: string;
  removedAt: string;
  /** tombstoneHash() of the one before; null for the first. */
  previousHash: string | null;
  keyId: string;
}

export interface SignedTombstone extends Tombstone {
  /** Ed25519 over tombstoneMessage(), hexadecimal. */
  signature: string;
}

const micros = (column: string, name: string) =>
  `(extract(epoch from t.${column}) * 1000000)::bigint::text as "${name}"`;

const COLUMNS = `
  t.sequence::text, ${micros("covers_from", "coversFrom")}, ${micros("covers_until", "coversUntil")},
  t.event_count::text as "eventCount", t.whole_checkpoints::text as "wholeCheckpoints",
  t.partial_seals as "partialSeals", t.file_name as "fileName", encode(t.file_hash, 'hex') as "fileHash",
  ${micros("removed_at", "removedAt")}, encode(t.previous_hash, 'hex') as "previousHash", t.key_id as "keyId",
  encode(t.signature, 'hex') as signature`;

/** The text that is signed. */
export function tombstoneMessage(tombstone: Tombstone): string {
  return jsonArray([
    "tombstone/1",
    tombstone.sequence,
    tombstone.coversFrom,
    tombstone.coversUntil,
    tombstone.eventCount,
    tombstone.wholeCheckpoints,
    tombstone.partialSeals,
    tombstone.fileName,
    tombstone.fileHash,
    tombstone.removedAt,
    tombstone.previousHash,
    tombstone.keyId,
  ]);
}

/** 32 bytes that the next tombstone names. */
export function tombstoneHash(tombstone: SignedTombstone): Buffer {
  return sha256(tombstoneMessage(tombstone), Buffer.from(tombstone.signature, "hex"));
}

/** All of them, in order; there is one a month. */
export async function readTombstones(client: ClientBase): Promise<SignedTombstone[]> {
  const { rows } = await client.query<SignedTombstone>(
    `select ${COLUMNS} from app_audit.tombstones t order by t.sequence`,
  );
  return rows;
}

/** Continues the chain by one, in the client's transaction. */
export async function appendTombstone(
  client: ClientBase,
  content: Omit<Tombstone, "sequence" | "previousHash" | "keyId">,
  key: SigningKey,
): Promise<SignedTombstone> {
  const last = (await readTombstones(client)).at(-1);
  const tombstone: Tombstone = {
    ...content,
    sequence: (BigInt(last?.sequence ?? 0) + 1n).toString(),
    previousHash: last ? tombstoneHash(last).toString("hex") : null,
    keyId: key.keyId,
  };
  const signed = { ...tombstone, signature: key.sign(tombstoneMessage(tombstone)) };
  const time = (parameter: string) => `timestamptz 'epoch' + ${parameter}::bigint * interval '1 microsecond'`;
  await client.query(
    `insert into app_audit.tombstones (
       sequence, covers_from, covers_until, event_count, whole_checkpoints, partial_seals, file_name, file_hash,
       removed_at, previous_hash, key_id, signature
     )
     values (
       $1, ${time("$2")}, ${time("$3")}, $4, $5, $6, $7, decode($8, 'hex'), ${time("$9")}, decode($10, 'hex'), $11,
       decode($12, 'hex')
     )`,
    [
      signed.sequence,
      signed.coversFrom,
      signed.coversUntil,
      signed.eventCount,
      signed.wholeCheckpoints,
      JSON.stringify(signed.partialSeals),
      signed.fileName,
      signed.fileHash,
      signed.removedAt,
      signed.previousHash,
      signed.keyId,
      signed.signature,
    ],
  );
  return signed;
}
