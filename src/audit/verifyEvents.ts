import type { ClientBase } from "pg";

import { hashEvent } from "./canonicalEvent.ts";
import { leafHash } from "./merkleTree.ts";
import { readSealedEvents, type StoredEvent, type StoredSeal } from "./readSeals.ts";
import type { SignedCheckpoint } from "./seals.ts";
import type { AuditProblem } from "./verifyAudit.ts";

/** An event's id and what its content hashes to now. */
interface Found {
  id: string;
  leaf: Buffer;
  carriesItsHash: boolean;
}

/**
 * Compares the events that a checkpoint covers with the leaves of its seals.
 *
 * @param seals with the leaves of those events that have to be there.
 * @param organizationId reads those of one organization only.
 */
export async function verifyEvents(
  client: ClientBase,
  checkpoint: SignedCheckpoint,
  { seals, organizationId }: { seals: readonly StoredSeal[]; organizationId: string | undefined },
): Promise<{ events: number; problem: AuditProblem | null }> {
  const expected = new Map(
    seals
      .filter(({ leaves }) => leaves.length > 0)
      .filter((seal) => organizationId === undefined || seal.organizationId === organizationId)
      .map((seal) => [seal.organizationId, seal]),
  );
  let events = 0;
  let members: Found[] = [];
  let current: string | null | undefined;
  const finish = () => {
    if (current === undefined) {
      return null;
    }
    const leaves = expected.get(current)?.leaves ?? [];
    expected.delete(current);
    return compare(checkpoint, current, members, leaves);
  };
  for await (const event of readSealedEvents(client, checkpoint, { organizationId })) {
    if (event.organizationId !== current) {
      const problem = finish();
      if (problem) {
        return { events, problem };
      }
      current = event.organizationId;
      members = [];
    }
    members.push(found(event));
    events++;
  }
  const problem = finish();
  const [missing] = expected.values();
  if (problem || !missing) {
    return { events, problem };
  }
  return {
    events,
    problem: {
      checkpoint: checkpoint.sequence,
      organizationId: missing.organizationId,
      eventId: missing.firstEventId,
      message: `All ${missing.leaves.length} events of a seal are missing, from the event ${missing.firstEventId} on.`,
    },
  };
}

function found(event: StoredEvent): Found {
  const hash = hashEvent(event);
  return {
    id: event.id,
    leaf: leafHash(hash),
    carriesItsHash: event.rowHash === null || hash.equals(event.rowHash),
  };
}

/** The first event that differs, in words. */
function compare(
  checkpoint: SignedCheckpoint,
  organizationId: string | null,
  members: readonly Found[],
  leaves: readonly Buffer[],
): AuditProblem | null {
  const problem = (message: string, eventId?: string): AuditProblem => ({
    checkpoint: checkpoint.sequence,
    organizationId,
    ...(eventId && { eventId }),
    message,
  });
  const index = members.findIndex(({ leaf }, at) => !leaves[at]?.equals(leaf));
  if (index === -1 && members.length === leaves.length) {
    const stray = members.find(({ carriesItsHash }) => !carriesItsHash);
    return stray
      ? problem(`The event ${stray.id} is as it was sealed, and carries another hash.`, stray.id)
      : null;
  }
  const before = members[index === -1 ? members.length - 1 : index - 1]?.id;
  const differing = members[index];
  if (!differing) {
    return problem(
      `After the event ${before}, ${leaves.length - members.length} events are missing.`,
      before,
    );
  }
  const { id } = differing;
  const known = new Set(leaves.map((leaf) => leaf.toString("hex")));
  if (known.has(differing.leaf.toString("hex"))) {
    return problem(`Before the event ${id}, an event is missing or in another place.`, id);
  }
  return members.length > leaves.length
    ? problem(`The event ${id} was added after the seal.`, id)
    : problem(`The event ${id} was changed after the seal.`, id);
}
