import type { ClientBase } from "pg";

import { type AnchorFindings, type Anchors, compareAnchors } from "./compareAnchors.ts";
import { merkleRoot } from "./merkleTree.ts";
import { leafHash } from "./merkleTree.ts";
import { readCheckpoints, readSeals, type StoredSeal } from "./readSeals.ts";
import { RemovedEvents, verifyTombstones } from "./removedEvents.ts";
import { END_OF_TIMELINE } from "./sealEvents.ts";
import { checkpointHash, checkpointMessage, sealHash, type SignedCheckpoint } from "./seals.ts";
import { isSignedBy, type KeyRing } from "./signingKeys.ts";
import { readTombstones } from "./tombstones.ts";
import { verifyEvents } from "./verifyEvents.ts";
import { verifyExports } from "./verifyExports.ts";

export interface VerifyOptions {
  keys: KeyRing;
  /**
   * What somebody kept outside of the database; that there are none of them, but checkpoints, is a problem. Nothing is said
   * of them when absent.
   */
  anchors?: Anchors;
  /** Reads the events of this organization only; the chain and the seals are verified whole. */
  organizationId?: string;
  /** Reads the events only of checkpoints sealed since then. */
  since?: Date;
  /** Where the exports of removed events are; they are not looked at when absent. */
  exportFolder?: string;
  /** By which clock events are old enough to have been removed; this machine's when absent. */
  now?: Date;
  /** Called after each checkpoint, with how many are done. */
  onProgress?: (checkpoints: number) => void;
}

/** The first thing that is not as it was sealed. */
export interface AuditProblem {
  checkpoint: string | null;
  /** The number of the tombstone that it is about. */
  tombstone?: string;
  organizationId?: string | null;
  /** The event that was changed, added or stands before a gap, where one can be named. */
  eventId?: string;
  message: string;
}

export interface AuditReport {
  checkpoints: number;
  /** Events that were read and compared. */
  events: number;
  /** Events that no checkpoint covers yet; anybody with the tables' owner's rights could still change them unnoticed. */
  unsealed: { count: number; oldest: Date | null };
  /** Months of events that were removed on record, because they had been kept long enough. */
  tombstones: number;
  /** With how many anchors the checkpoints were compared, and which is the newest that one knows. */
  anchors: Pick<AnchorFindings, "count" | "newest">;
  /** Null when everything is as it was sealed. */
  problem: AuditProblem | null;
}

/**
 * Compares every event with what was sealed: its content with its leaf, the leaves with the seals, the seals with the
 * checkpoints, these with each other, with their signatures and with the anchors. Stops at the first difference.
 *
 * @param client any role that may read app_audit, in a transaction of its own (repeatable read).
 */
export async function verifyAudit(client: ClientBase, options: VerifyOptions): Promise<AuditReport> {
  const tombstones = await readTombstones(client);
  const report: AuditReport = {
    checkpoints: 0,
    events: 0,
    unsealed: { count: 0, oldest: null },
    tombstones: tombstones.length,
    anchors: { count: 0, newest: null },
    problem: verifyTombstones(tombstones, options.keys),
  };
  if (report.problem !== null) {
    return report;
  }
  const removed = new RemovedEvents(tombstones);
  const anchored = await compareAnchors(client, options.anchors ?? []);
  report.anchors = { count: anchored.count, newest: anchored.newest };
  const last = await verifyCheckpoints(client, { ...options, removed, anchored }, report);
  if (report.problem === null) {
    report.problem =
      verifyEnd(last, anchored) ??
      (options.anchors && last ? demandAnchors(anchored) : null) ??
      removed.verifyCount() ??
      (options.exportFolder === undefined ? null : await verifyExports(tombstones, options.exportFolder));
    report.unsealed = await unsealedEvents(client, last);
  }
  return report;
}

/** Fills in the report. @returns the last checkpoint that was looked at. */
async function verifyCheckpoints(
  client: ClientBase,
  options: VerifyOptions & { removed: RemovedEvents; anchored: AnchorFindings },
  report: AuditReport,
): Promise<SignedCheckpoint | null> {
  const { removed, anchored, keys, organizationId, now = new Date() } = options;
  const chains = new Map<string | null, string>();
  let previous: SignedCheckpoint | null = null;
  for await (const checkpoint of readCheckpoints(client)) {
    const { sequence } = checkpoint;
    const seals = await readSeals(client, sequence);
    report.problem =
      verifyLink(checkpoint, previous, keys) ??
      verifyAnchors(checkpoint, anchored) ??
      verifySeals(checkpoint, seals, chains) ??
      removed.verifyCheckpoint(checkpoint, now);
    if (report.problem === null && isWanted(checkpoint, options)) {
      const remaining = seals.map((seal) => ({ ...seal, leaves: removed.remaining(seal) }));
      const { events, problem } = await verifyEvents(client, checkpoint, {
        seals: remaining,
        organizationId,
      });
      report.events += events;
      report.problem = problem;
    }
    if (report.problem !== null) {
      break;
    }
    previous = checkpoint;
    report.checkpoints++;
    options.onProgress?.(report.checkpoints);
  }
  return previous;
}

/** What the next checkpoint will cover, the running transactions' events included. */
export async function unsealedEvents(
  client: ClientBase,
  last: SignedCheckpoint | null,
): Promise<AuditReport["unsealed"]> {
  const { rows } = await client.query<AuditReport["unsealed"]>(
    `select count(*)::int, min(e.occurred_at) as oldest
     from app_audit.events e
     where e.timeline > $1 or (e.timeline = $1 and e.transaction_id >= $2::xid8)`,
    [last?.timeline ?? 0, last?.horizon ?? "0"],
  );
  return rows[0] ?? { count: 0, oldest: null };
}

function isWanted({ sealedAt }: SignedCheckpoint, { since }: VerifyOptions): boolean {
  return since === undefined || Number(BigInt(sealedAt) / 1000n) >= since.getTime();
}

function verifyLink(
  checkpoint: SignedCheckpoint,
  previous: SignedCheckpoint | null,
  keys: KeyRing,
): AuditProblem | null {
  const expected = (BigInt(previous?.sequence ?? 0) + 1n).toString();
  const problem = (message: string) => ({ checkpoint: checkpoint.sequence, message });
  if (checkpoint.sequence !== expected) {
    return problem(`Checkpoint ${expected} is missing: the next one is ${checkpoint.sequence}.`);
  }
  const message = checkpointMessage(checkpoint);
  if (!isSignedBy(keys, checkpoint.keyId, message, checkpoint.signature)) {
    return problem(
      keys.has(checkpoint.keyId)
        ? "The signature is not of this checkpoint: it was changed, or made by somebody without the key."
        : `It is signed with the key ${checkpoint.keyId}, which nobody who is trusted vouches for.`,
    );
  }
  if (checkpoint.previousHash !== (previous && checkpointHash(previous).toString("hex"))) {
    return problem("It does not continue the checkpoint before it.");
  }
  return continuesTransactions(checkpoint, previous)
    ? null
    : problem("Between it and the checkpoint before it, transactions are covered by neither.");
}

function continuesTransactions(checkpoint: SignedCheckpoint, previous: SignedCheckpoint | null): boolean {
  const hasEnded = previous === null || previous.horizon === END_OF_TIMELINE;
  return hasEnded
    ? checkpoint.timeline === (previous?.timeline ?? 0) + 1 && checkpoint.firstTransaction === "0"
    : checkpoint.timeline === previous.timeline && checkpoint.firstTransaction === previous.horizon;
}

function verifyAnchors({ sequence }: SignedCheckpoint, { differing }: AnchorFindings): AuditProblem | null {
  return differing === sequence
    ? { checkpoint: sequence, message: "An anchor knows another checkpoint of this number." }
    : null;
}

function verifySeals(
  checkpoint: SignedCheckpoint,
  seals: readonly StoredSeal[],
  chains: Map<string | null, string>,
): AuditProblem | null {
  for (const seal of seals) {
    const { organizationId, previousSealHash } = seal;
    const problem = (message: string) => ({ checkpoint: checkpoint.sequence, organizationId, message });
    if (previousSealHash !== (chains.get(organizationId) ?? null)) {
      return problem(
        "The seal does not continue the one before it: a seal between them is missing or changed.",
      );
    }
    if (seal.leaves.length === 0 || merkleRoot(seal.leaves).toString("hex") !== seal.merkleRoot) {
      return problem("The leaves of the seal are not those of its root.");
    }
    chains.set(organizationId, sealHash(seal).toString("hex"));
  }
  const hashes = seals.map((seal) => leafHash(sealHash(seal)));
  return hashes.length > 0 && merkleRoot(hashes).toString("hex") === checkpoint.root
    ? null
    : {
        checkpoint: checkpoint.sequence,
        message: "Its seals are not those that were signed: one was changed, removed or added.",
      };
}

/** What was cut off at the end shows only from outside. */
function verifyEnd(last: SignedCheckpoint | null, { beyond }: AnchorFindings): AuditProblem | null {
  return beyond === null
    ? null
    : {
        checkpoint: beyond,
        message: `The database is rolled back to checkpoint ${last?.sequence ?? 0}: an anchor knows checkpoint ${beyond}.`,
      };
}

/** Whoever can make the chain anew can remove the anchors too: then nothing would be left that says so. */
function demandAnchors({ count }: AnchorFindings): AuditProblem | null {
  return count > 0
    ? null
    : {
        checkpoint: null,
        message:
          "There is no anchor: whether the whole chain was made anew, or its end cut off, cannot be told.",
      };
}
