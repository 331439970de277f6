import { describe, expect, it } from "@jest/globals";

import { PreparedStatements } from "../../../src/database/pipelined/PreparedStatements.ts";

describe("prepared statements of a connection", () => {
  it("are parsed once", () => {
    const prepared = new PreparedStatements(2);
    expect(prepared.prepare("a", 1)).toEqual({ close: [], parse: true });
    expect(prepared.prepare("a", 1)).toEqual({ close: [], parse: false });
  });

  it("make room by the one that was not used for longest", () => {
    const prepared = new PreparedStatements(2);
    ["a", "b", "a"].forEach((name) => prepared.prepare(name, 1));
    expect(prepared.prepare("c", 1)).toEqual({ close: ["b"], parse: true });
    expect(prepared.prepare("a", 1).parse).toBe(false);
    expect(prepared.prepare("b", 1).parse).toBe(true);
  });

  it("are closed with the next one that is parsed when the server may have them", () => {
    const prepared = new PreparedStatements(2);
    prepared.prepare("a", 1);
    prepared.forget("a");
    expect(prepared.prepare("a", 1)).toEqual({ close: ["a"], parse: true });
    expect(prepared.prepare("a", 1)).toEqual({ close: [], parse: false });
    prepared.forget("never prepared");
    expect(prepared.prepare("never prepared", 1).close).toEqual([]);
  });

  it("have no names where the limit is nothing", () => {
    expect(new PreparedStatements(0).isUsed).toBe(false);
    expect(new PreparedStatements(1).isUsed).toBe(true);
  });

  it("are fewer where they are long, but for the one that is asked for", () => {
    const prepared = new PreparedStatements(3);
    ["a", "b", "c"].forEach((name) => prepared.prepare(name, 4_000));
    expect(prepared.prepare("d", 8_000)).toEqual({ close: ["a", "b"], parse: true });
    expect(prepared.prepare("c", 4_000).parse).toBe(false);
    expect(prepared.prepare("e", 60_000)).toEqual({ close: ["d", "c"], parse: true });
    expect(prepared.prepare("e", 60_000).parse).toBe(false);
    expect(prepared.prepare("f", 10)).toEqual({ close: ["e"], parse: true });
  });
});
