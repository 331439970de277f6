import type { ClientBase } from "pg";
import Cursor from "pg-cursor";

import { type AuditEvent, EVENT_COLUMNS } from "./canonicalEvent.ts";
import { PackedHashes } from "./PackedHashes.ts";
import {
  type Checkpoint,
  CHECKPOINT_COLUMNS,
  EVENT_ORDER,
  type Seal,
  SEAL_COLUMNS,
  SEAL_ORDER,
  type SignedCheckpoint,
} from "./seals.ts";

export interface StoredSeal extends Seal {
  /** The hashes under its root, in the order of the events. */
  leaves: Buffer[];
}

/** An event with the hash it carries; null for one that is older than the hash. */
export type StoredEvent = AuditEvent & { rowHash: Buffer | null };

/** Which of a checkpoint's events to read. */
export interface EventFilter {
  organizationId?: string | undefined;
  /** The first moment, and the one after the last. */
  from?: Date;
  until?: Date;
}

const CHECKPOINT_PAGE = 500;
/** An event that names a thousand patients has 40 kB. */
const EVENT_PAGE = 1000;

/** All checkpoints in order, from the one of a number on, a page at a time. */
export async function* readCheckpoints(
  client: ClientBase,
  from = "0",
): AsyncGenerator<SignedCheckpoint, undefined> {
  let last = (BigInt(from) - 1n).toString();
  for (;;) {
    const { rows } = await client.query<SignedCheckpoint>(
      `select ${CHECKPOINT_COLUMNS} from app_audit.checkpoints c where c.sequence > $1 order by c.sequence limit $2`,
      [last, CHECKPOINT_PAGE],
    );
    yield* rows;
    const end = rows.at(-1);
    if (!end || rows.length < CHECKPOINT_PAGE) {
      return;
    }
    last = end.sequence;
  }
}

/** The seals of one checkpoint in the order of its tree. */
export async function readSeals(client: ClientBase, sequence: string): Promise<StoredSeal[]> {
  const { rows } = await client.query<Seal & { leafHashes: Buffer }>(
    `select ${SEAL_COLUMNS}, s.leaf_hashes as "leafHashes"
     from app_audit.seals s
     where s.checkpoint_sequence = $1
     order by s.${SEAL_ORDER}`,
    [sequence],
  );
  return rows.map(({ leafHashes, ...seal }) => ({ ...seal, leaves: [...new PackedHashes(leafHashes)] }));
}

/** What a checkpoint covers. */
export type SealedRange = Pick<Checkpoint, "timeline" | "firstTransaction" | "horizon">;

/** The events that a checkpoint covers, in the order of its seals and of their leaves, in constant memory. */
export async function* readSealedEvents(
  client: ClientBase,
  { timeline, firstTransaction, horizon }: SealedRange,
  { organizationId, from, until }: EventFilter = {},
): AsyncGenerator<StoredEvent> {
  const cursor = client.query(
    new Cursor<StoredEvent>(
      `select ${EVENT_COLUMNS}, e.row_hash as "rowHash"
       from app_audit.events e
       where e.timeline = $1 and e.transaction_id >= $2::xid8 and e.transaction_id < $3::xid8
       and ($4::uuid is null or e.organization_id = $4)
       and ($5::timestamptz is null or e.occurred_at >= $5)
       and ($6::timestamptz is null or e.occurred_at < $6)
       order by e.${SEAL_ORDER}, ${EVENT_ORDER}`,
      [timeline, firstTransaction, horizon, organizationId ?? null, from ?? null, until ?? null],
    ),
  );
  try {
    for (;;) {
      const page = await cursor.read(EVENT_PAGE);
      if (page.length === 0) {
        return;
      }
      yield* page;
    }
  } finally {
    await cursor.close();
  }
}
