import type { ClientBase } from "pg";

import { makeSeals, type NewSeal } from "./makeSeals.ts";
import { leafHash, merkleRoot } from "./merkleTree.ts";
import {
  type Checkpoint,
  CHECKPOINT_COLUMNS,
  checkpointHash,
  checkpointMessage,
  sealHash,
  type SignedCheckpoint,
} from "./seals.ts";
import type { SigningKey } from "./signingKeys.ts";

/** The horizon of a timeline that has ended: nothing is added to it any more. */
export const END_OF_TIMELINE = (2n ** 64n - 1n).toString();

/** What a checkpoint is going to cover. */
type Range = Pick<Checkpoint, "timeline" | "firstTransaction" | "horizon" | "systemIdentifier">;

/** Any fixed number: whoever seals this database takes the same lock. */
export const SEALER_LOCK = 7_276_231_915;
/** Events of one checkpoint, unless a single transaction wrote more. */
const BATCH = 100_000;

/**
 * Seals what has been on record since the last checkpoint: events of transactions below the horizon of all that still run, so
 * that no event can appear among them later.
 *
 * @param client a connection of `app_sealer`, outside of a transaction.
 * @returns null when there is nothing new, or somebody else is sealing.
 * @throws when the transaction ids of this cluster do not continue those of the last checkpoint.
 */
export async function sealEvents(client: ClientBase, key: SigningKey): Promise<SignedCheckpoint | null> {
  const { rows } = await client.query<{ isMine: boolean }>(
    `select pg_try_advisory_lock(${SEALER_LOCK}) as "isMine"`,
  );
  if (!rows[0]?.isMine) {
    return null;
  }
  try {
    await client.query("begin isolation level repeatable read");
    const checkpoint = await sealNext(client, key);
    await client.query("commit");
    return checkpoint;
  } catch (error) {
    await client.query("rollback");
    throw error;
  } finally {
    await client.query(`select pg_advisory_unlock(${SEALER_LOCK})`);
  }
}

/** The newest checkpoint; null before the first. */
export async function lastCheckpoint(client: ClientBase): Promise<SignedCheckpoint | null> {
  const { rows } = await client.query<SignedCheckpoint>(
    `select ${CHECKPOINT_COLUMNS} from app_audit.checkpoints c order by c.sequence desc limit 1`,
  );
  return rows[0] ?? null;
}

async function sealNext(client: ClientBase, key: SigningKey): Promise<SignedCheckpoint | null> {
  const previous = await lastCheckpoint(client);
  const range = await nextRange(client, previous);
  const sequence = (BigInt(previous?.sequence ?? 0) + 1n).toString();
  const seals = range && (await makeSeals(client, range, sequence));
  if (!range || !seals || seals.length === 0) {
    return null;
  }
  const { rows } = await client.query<{ now: string }>(
    "select (extract(epoch from clock_timestamp()) * 1000000)::bigint::text as now",
  );
  const checkpoint: Checkpoint = {
    ...range,
    sequence,
    sealedAt: rows[0]?.now ?? "",
    eventCount: seals.reduce((sum, { eventCount }) => sum + BigInt(eventCount), 0n).toString(),
    root: merkleRoot(seals.map((seal) => leafHash(sealHash(seal)))).toString("hex"),
    previousHash: previous && checkpointHash(previous).toString("hex"),
    keyId: key.keyId,
  };
  const signed = { ...checkpoint, signature: key.sign(checkpointMessage(checkpoint)) };
  await insert(client, signed, seals);
  return signed;
}

/** Where the next checkpoint begins and ends; null when there is nothing between. */
async function nextRange(client: ClientBase, previous: SignedCheckpoint | null): Promise<Range | null> {
  const { rows } = await client.query<{ timeline: number; systemIdentifier: string; xmin: string }>(
    `select pg_get_expr(d.adbin, d.adrelid)::integer as timeline,
       (select system_identifier::text from pg_control_system()) as "systemIdentifier",
       pg_snapshot_xmin(pg_current_snapshot())::text as xmin
     from pg_catalog.pg_attrdef d
     join pg_catalog.pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
     where d.adrelid = 'app_audit.events'::regclass and a.attname = 'timeline'`,
  );
  const [now] = rows;
  if (!now) {
    throw new Error("app_audit.events has no timeline; are the migrations applied?");
  }
  const { timeline, systemIdentifier, xmin } = now;
  const hasEnded = previous === null || previous.horizon === END_OF_TIMELINE;
  const begun = hasEnded ? (previous?.timeline ?? 0) + 1 : previous.timeline;
  const firstTransaction = hasEnded ? "0" : previous.horizon;
  if (begun < timeline) {
    return { timeline: begun, firstTransaction, horizon: END_OF_TIMELINE, systemIdentifier };
  }
  if (!hasEnded && previous.systemIdentifier !== systemIdentifier) {
    throw new Error(
      "This is another database cluster than the last checkpoint's: it was restored, copied or upgraded. Verify it" +
        " ('npx bailiwick audit verify'), and then say 'npx bailiwick audit seal --new-timeline'.",
    );
  }
  const horizon = await affordableHorizon(client, { timeline, firstTransaction, horizon: xmin });
  return horizon === null ? null : { timeline, firstTransaction, horizon, systemIdentifier };
}

/** Where to stop so that one checkpoint does not take in everything at once; null when there is nothing. */
async function affordableHorizon(
  client: ClientBase,
  { timeline, firstTransaction, horizon }: Omit<Range, "systemIdentifier">,
): Promise<string | null> {
  const { rows } = await client.query<{ count: number; first: string; last: string }>(
    `select count(*)::int, min(transaction_id)::text as first, max(transaction_id)::text as last
     from (
       select e.transaction_id
       from app_audit.events e
       where e.timeline = $1 and e.transaction_id >= $2::xid8 and e.transaction_id < $3::xid8
       order by e.transaction_id
       limit $4
     ) e`,
    [timeline, firstTransaction, horizon, BATCH],
  );
  const { count = 0, first, last } = rows[0] ?? {};
  if (count === 0 || first === undefined || last === undefined) {
    return null;
  }
  if (count < BATCH) {
    return horizon;
  }
  // A transaction is sealed whole.
  return first === last ? (BigInt(last) + 1n).toString() : last;
}

async function insert(
  client: ClientBase,
  checkpoint: SignedCheckpoint,
  seals: readonly NewSeal[],
): Promise<void> {
  await client.query(
    `insert into app_audit.checkpoints (
       sequence, timeline, first_transaction, horizon, system_identifier, sealed_at, event_count, root, previous_hash,
       key_id, signature
     )
     values (
       $1, $2, $3::xid8, $4::xid8, $5, timestamptz 'epoch' + $6::bigint * interval '1 microsecond', $7,
       decode($8, 'hex'), decode($9, 'hex'), $10, decode($11, 'hex')
     )`,
    [
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
      checkpoint.signature,
    ],
  );
  for (const seal of seals) {
    await client.query(
      `insert into app_audit.seals (
         checkpoint_sequence, organization_id, event_count, first_event_id, last_event_id, merkle_root, leaf_hashes,
         previous_seal_hash
       )
       values ($1, $2, $3, $4, $5, decode($6, 'hex'), $7, decode($8, 'hex'))`,
      [
        seal.checkpointSequence,
        seal.organizationId,
        seal.eventCount,
        seal.firstEventId,
        seal.lastEventId,
        seal.merkleRoot,
        seal.leafHashes,
        seal.previousSealHash,
      ],
    );
  }
}
