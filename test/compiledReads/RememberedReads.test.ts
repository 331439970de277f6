import { describe, expect, it } from "@jest/globals";

import type { CompiledRead } from "../../src/compiledReads/compileRead.ts";
import { RememberedReads } from "../../src/compiledReads/RememberedReads.ts";

/** What a client may send at once, see MAXIMUM_BODY_BYTES. */
const LONG = 90_000;
const BOUND = 250_000;
const readOf = (text: string, ...values: CompiledRead["values"]): CompiledRead => ({
  name: "read",
  text,
  values,
  counts: [],
  hasStoredJson: false,
  fields: new Map(),
});

describe("the statements of an operation", () => {
  it("are remembered by what they depend on, and so is that there is none", () => {
    const reads = new RememberedReads();
    const long = "x".repeat(LONG);
    reads.set("a", readOf("select 1"));
    reads.set(`${long}a`, readOf("select 2"));
    reads.set(`${long}b`, null);
    expect(reads.get("a")?.text).toBe("select 1");
    expect(reads.get(`${long}a`)?.text).toBe("select 2");
    expect(reads.get(`${long}b`)).toBeNull();
    expect(reads.get(`${long}c`)).toBeUndefined();
  });

  it("take a bounded place, however long the values of clients are", () => {
    const reads = new RememberedReads();
    for (let index = 0; index < 40; index++) {
      const value = String(index).padStart(LONG);
      reads.set(value, readOf("select $1", value));
      expect(reads.size).toBeLessThanOrEqual(BOUND);
    }
    expect(reads.get(String(39).padStart(LONG))?.text).toBe("select $1");
    expect(reads.get(String(0).padStart(LONG))).toBeUndefined();
    const keys = new RememberedReads();
    keys.set("x".repeat(LONG), null);
    expect(keys.size).toBeLessThan(100);
  });
});
