import { sha256 } from "./canonicalEvent.ts";

// Merkle trees as in RFC 6962, section 2.1: a leaf and a node are hashed with different prefixes, so that neither can be
// passed off as the other, and a tree of n leaves is split at the largest power of two below n.

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

interface Subtree {
  hash: Uint8Array;
  /** How many leaves it has. */
  size: number;
}

/** One sibling on the way from a leaf to the root. */
export interface PathStep {
  /** On which side the sibling stands. */
  side: "left" | "right";
  /** Hexadecimal. */
  hash: string;
}

/** The hash of a leaf with this content, 32 bytes. */
export function leafHash(content: Uint8Array): Buffer {
  return sha256(LEAF, content);
}

/**
 * The root over leaf hashes, which are looked at one after the other: it keeps a subtree for each level. Throws for none: there is
 * nothing to seal.
 */
export function merkleRoot(leaves: Iterable<Uint8Array>): Buffer {
  // Full subtrees from left to right, each smaller than the one before.
  const subtrees: Subtree[] = [];
  for (const leaf of leaves) {
    let [hash, size] = [leaf, 1];
    while (subtrees.at(-1)?.size === size) {
      hash = sha256(NODE, (subtrees.pop() as Subtree).hash, hash);
      size *= 2;
    }
    subtrees.push({ hash, size });
  }
  const root = subtrees.pop()?.hash;
  if (!root) {
    throw new Error("A Merkle tree needs a leaf.");
  }
  return Buffer.from(subtrees.reduceRight((right, { hash }) => sha256(NODE, hash, right), root));
}

/** What somebody who has only the leaf at `index` needs to compute the root (RFC 6962, section 2.1.1). */
export function inclusionPath(leaves: readonly Buffer[], index: number): PathStep[] {
  const path: PathStep[] = [];
  let level = [...leaves];
  let position = index;
  while (level.length > 1) {
    const isRight = position % 2 === 1;
    const sibling = level[isRight ? position - 1 : position + 1];
    if (sibling) {
      path.push({ side: isRight ? "left" : "right", hash: sibling.toString("hex") });
    }
    level = nextLevel(level);
    position = Math.floor(position / 2);
  }
  return path;
}

/** Pairs neighbours; a last one without a neighbour moves up as it is, which makes the split of RFC 6962. */
function nextLevel(level: readonly Buffer[]): Buffer[] {
  const next: Buffer[] = [];
  for (let left = 0; left < level.length; left += 2) {
    const [first, second] = [level[left] as Buffer, level[left + 1]];
    next.push(second ? sha256(NODE, first, second) : first);
  }
  return next;
}
