import { LRUCache } from "lru-cache";

import { sha256 } from "../documents/sha256.ts";
import type { CompiledRead } from "./compileRead.ts";

/** Statements of one operation: of its pages, orders and filters. */
const MOST = 50;
/**
 * Characters of these statements and of the values in them. Both are what clients send, for as many operations as there are
 * documents in memory: a number of statements alone would be no bound.
 */
const LARGEST = 250_000;
/** A key of this length is as long as its hash. */
const LONGEST_KEY = 64;

/** The statements of one operation, by the values of the variables that they depend on; the least recently used go first. */
export class RememberedReads {
  readonly #reads = new LRUCache<string, { read: CompiledRead | null }>({
    max: MOST,
    maxSize: LARGEST,
    sizeCalculation: ({ read }, key) => key.length + (read ? sizeOf(read) : 0),
  });

  /** @returns undefined for what is not remembered, null for what only Grafast plans. */
  get(shape: string): CompiledRead | null | undefined {
    return this.#reads.get(keyOf(shape))?.read;
  }

  /** What is larger than all together may be is not remembered. */
  set(shape: string, read: CompiledRead | null): void {
    this.#reads.set(keyOf(shape), { read });
  }

  get size(): number {
    return this.#reads.calculatedSize;
  }
}

function keyOf(shape: string): string {
  return shape.length > LONGEST_KEY ? sha256(shape) : shape;
}

function sizeOf({ text, values }: CompiledRead): number {
  const lengths = values.map((value) => (typeof value === "string" ? value.length : 1));
  return lengths.reduce((sum, length) => sum + length, text.length);
}
