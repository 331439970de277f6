const HASH_LENGTH = 32;
/** Hashes that there is room for at first. */
const FIRST_ROOM = 16;

/** Hashes one after the other in one piece of memory, as app_audit.seals keeps them: 32 bytes each, and no object. */
export class PackedHashes {
  #bytes: Buffer;
  #length: number;

  constructor(bytes: Buffer = Buffer.alloc(0)) {
    this.#bytes = bytes;
    this.#length = bytes.length;
  }

  get count(): number {
    return this.#length / HASH_LENGTH;
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  push(hash: Uint8Array): void {
    if (this.#length === this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(2 * this.#length, FIRST_ROOM * HASH_LENGTH));
      this.#bytes.copy(larger);
      this.#bytes = larger;
    }
    this.#bytes.set(hash, this.#length);
    this.#length += HASH_LENGTH;
  }

  *[Symbol.iterator](): Generator<Buffer> {
    for (let start = 0; start < this.#length; start += HASH_LENGTH) {
      yield this.#bytes.subarray(start, start + HASH_LENGTH);
    }
  }
}
