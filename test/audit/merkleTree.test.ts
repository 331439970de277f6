import { describe, expect, it } from "@jest/globals";

import { sha256 } from "../../src/audit/canonicalEvent.ts";
import { leafHash, merkleRoot } from "../../src/audit/merkleTree.ts";
import { PackedHashes } from "../../src/audit/PackedHashes.ts";

/** Word by word as RFC 6962 defines it, section 2.1, over leaf hashes. */
function definedRoot(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves;
  if (only && leaves.length === 1) {
    return only;
  }
  let k = 1;
  while (2 * k < leaves.length) {
    k *= 2;
  }
  return sha256(Uint8Array.of(1), definedRoot(leaves.slice(0, k)), definedRoot(leaves.slice(k)));
}

const leavesOf = (count: number) => Array.from({ length: count }, (_, index) => leafHash(Buffer.of(index)));

describe("the root of a Merkle tree", () => {
  it.each(Array.from({ length: 40 }, (_, index) => index + 1))(
    "over %d leaves is that of RFC 6962",
    (count) => {
      const leaves = leavesOf(count);
      const packed = new PackedHashes();
      leaves.forEach((leaf) => packed.push(leaf));
      expect(merkleRoot(leaves)).toEqual(definedRoot(leaves));
      expect(merkleRoot(packed)).toEqual(definedRoot(leaves));
      expect([packed.count, packed.bytes]).toEqual([count, Buffer.concat(leaves)]);
      expect([...new PackedHashes(packed.bytes)]).toEqual(leaves);
    },
  );

  it("is there for no tree without a leaf", () => {
    expect(() => merkleRoot(new PackedHashes())).toThrow(/needs a leaf/);
  });
});
