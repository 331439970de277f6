import type { ClientBase } from "pg";

import { hashEvent } from "./canonicalEvent.ts";
import { leafHash, merkleRoot } from "./merkleTree.ts";
import { PackedHashes } from "./PackedHashes.ts";
import { readSealedEvents, type SealedRange } from "./readSeals.ts";
import { type Seal, SEAL_COLUMNS, sealHash } from "./seals.ts";

/** A seal with the leaves under its root, as they are stored. */
export type NewSeal = Seal & { leafHashes: Buffer };

interface Members {
  organizationId: string | null;
  firstEventId: string;
  lastEventId: string;
  leaves: PackedHashes;
}

/**
 * A seal for each organization that has events in the range, in the order of the checkpoint's tree. Of the events, nothing is kept
 * but their hashes: a transaction is sealed whole, and may have written millions.
 */
export async function makeSeals(
  client: ClientBase,
  range: SealedRange,
  sequence: string,
): Promise<NewSeal[]> {
  const members = await readMembers(client, range);
  const previous = await previousSeals(
    client,
    members.map(({ organizationId }) => organizationId),
  );
  return members.map(({ organizationId, firstEventId, lastEventId, leaves }) => {
    const before = previous.get(organizationId);
    return {
      checkpointSequence: sequence,
      organizationId,
      eventCount: String(leaves.count),
      firstEventId,
      lastEventId,
      merkleRoot: merkleRoot(leaves).toString("hex"),
      previousSealHash: before ? sealHash(before).toString("hex") : null,
      leafHashes: leaves.bytes,
    };
  });
}

async function readMembers(client: ClientBase, range: SealedRange): Promise<Members[]> {
  const all: Members[] = [];
  let current: Members | undefined;
  for await (const event of readSealedEvents(client, range)) {
    const { id, organizationId, rowHash } = event;
    if (current?.organizationId !== organizationId) {
      current = { organizationId, firstEventId: id, lastEventId: id, leaves: new PackedHashes() };
      all.push(current);
    }
    // Events that are older than the hash have none.
    current.leaves.push(leafHash(rowHash ?? hashEvent(event)));
    current.lastEventId = id;
  }
  return all;
}

async function previousSeals(
  client: ClientBase,
  organizations: (string | null)[],
): Promise<Map<string | null, Seal>> {
  const { rows } = await client.query<Seal>(
    `select latest.*
     from unnest($1::uuid[]) as o (id)
     cross join lateral (
       select ${SEAL_COLUMNS}
       from app_audit.seals s
       where s.organization_id = o.id or (o.id is null and s.organization_id is null)
       order by s.checkpoint_sequence desc
       limit 1
     ) latest`,
    [organizations],
  );
  return new Map(rows.map((seal) => [seal.organizationId, seal]));
}
