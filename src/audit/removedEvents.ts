import { countOf, isWithin, parseRanges, type Ranges } from "./positions.ts";
import type { StoredSeal } from "./readSeals.ts";
import type { SignedCheckpoint } from "./seals.ts";
import { isSignedBy, type KeyRing } from "./signingKeys.ts";
import { type SignedTombstone, tombstoneHash, tombstoneMessage } from "./tombstones.ts";
import type { AuditProblem } from "./verifyAudit.ts";

/** Events are kept for six years at least (45 CFR 164.316(b)(2)(i)); no tombstone passes for what is younger. */
export const MINIMUM_YEARS = 6;

/** Which events of the seals are gone, by what the tombstones say. */
export class RemovedEvents {
  readonly #tombstones: readonly SignedTombstone[];
  readonly #whole: Ranges;
  /** Checkpoint and organization → positions. */
  readonly #partial = new Map<string, Ranges>();
  /** Those of which a part is gone. */
  readonly #checkpoints: Set<string>;
  /** How many events the checkpoints had that are wholly gone, as far as they have been looked at. */
  #wholeEvents = 0n;

  constructor(tombstones: readonly SignedTombstone[]) {
    this.#tombstones = tombstones;
    this.#whole = tombstones.flatMap(({ wholeCheckpoints }) => parseRanges(wholeCheckpoints));
    const partial = tombstones.flatMap(({ partialSeals }) => partialSeals);
    for (const [checkpoint, organizationId, positions] of partial) {
      const key = keyOf(checkpoint, organizationId);
      this.#partial.set(key, [...(this.#partial.get(key) ?? []), ...parseRanges(positions)]);
    }
    this.#checkpoints = new Set(partial.map(([checkpoint]) => checkpoint));
  }

  /** Whoever has the key could sign a tombstone for anything; when a checkpoint was made is known outside of the database. */
  verifyCheckpoint({ sequence, sealedAt, eventCount }: SignedCheckpoint, now: Date): AuditProblem | null {
    const isWhole = isWithin(this.#whole, BigInt(sequence));
    this.#wholeEvents += isWhole ? BigInt(eventCount) : 0n;
    return (isWhole || this.#checkpoints.has(sequence)) && !isOldEnough({ sealedAt }, now)
      ? {
          checkpoint: sequence,
          message: `A tombstone says that events of it were removed, and they are not ${MINIMUM_YEARS} years old.`,
        }
      : null;
  }

  /** The leaves of a seal whose events have to be there. */
  remaining({ checkpointSequence, organizationId, leaves }: StoredSeal): Buffer[] {
    if (isWithin(this.#whole, BigInt(checkpointSequence))) {
      return [];
    }
    const gone = this.#partial.get(keyOf(checkpointSequence, organizationId));
    return gone ? leaves.filter((_, position) => !isWithin(gone, BigInt(position))) : leaves;
  }

  /** After all checkpoints: whether the tombstones name as many events as they speak of. */
  verifyCount(): AuditProblem | null {
    const said = this.#tombstones.reduce((sum, { eventCount }) => sum + BigInt(eventCount), 0n);
    const partial = [...this.#partial.values()].reduce((sum, positions) => sum + countOf(positions), 0n);
    const named = this.#wholeEvents + partial;
    return said === named
      ? null
      : { checkpoint: null, message: `The tombstones speak of ${said} events, and name ${named}.` };
  }
}

function keyOf(checkpoint: string, organizationId: string | null): string {
  return `${checkpoint} ${organizationId ?? ""}`;
}

/** The first tombstone that is not as it was signed, or does not continue the one before. */
export function verifyTombstones(tombstones: readonly SignedTombstone[], keys: KeyRing): AuditProblem | null {
  let previous: SignedTombstone | null = null;
  for (const tombstone of tombstones) {
    const { sequence, keyId, signature, previousHash } = tombstone;
    const expected = (BigInt(previous?.sequence ?? 0) + 1n).toString();
    const problem = (message: string) => ({ checkpoint: null, tombstone: sequence, message });
    if (sequence !== expected) {
      return problem(`Tombstone ${expected} is missing: the next one is ${sequence}.`);
    }
    if (!isSignedBy(keys, keyId, tombstoneMessage(tombstone), signature)) {
      return problem(
        keys.has(keyId)
          ? "The signature is not of this tombstone: it was changed, or made by somebody without the key."
          : `It is signed with the key ${keyId}, which nobody who is trusted vouches for.`,
      );
    }
    if (previousHash !== (previous && tombstoneHash(previous).toString("hex"))) {
      return problem("It does not continue the tombstone before it.");
    }
    previous = tombstone;
  }
  return null;
}

/** Whether everything that a checkpoint covers has been sealed for six years. */
export function isOldEnough({ sealedAt }: Pick<SignedCheckpoint, "sealedAt">, now: Date): boolean {
  const limit = new Date(now);
  limit.setUTCFullYear(limit.getUTCFullYear() - MINIMUM_YEARS);
  return Number(BigInt(sealedAt) / 1000n) <= limit.getTime();
}
