import { describe, expect, it } from "@jest/globals";

import { PreparedStatements } from "../../../src/database/pipelined/PreparedStatements.ts";

describe("prepared statements of a connection", () => {
  it("are parsed once", () => {
    const prepared = new PreparedStatements(2);
    expect(prepared.prepare("a")).toEqual({ close: [], parse: true });
    expect(prepared.prepare("a")).toEqual({ close: [], parse: false });
  });

  it("make room by the one that was not used for longest", () => {
    const prepared = new PreparedStatements(2);
    ["a", "b", "a"].forEach((name) => prepared.prepare(name));
    expect(prepared.prepare("c")).toEqual({ close: ["b"], parse: true });
    expect(prepared.prepare("a").parse).toBe(false);
    expect(prepared.prepare("b").parse).toBe(true);
  });

  it("are closed with the next one that is parsed when the server may have them", () => {
    const prepared = new PreparedStatements(2);
    prepared.prepare("a");
    prepared.forget("a");
    expect(prepared.prepare("a")).toEqual({ close: ["a"], parse: true });
    expect(prepared.prepare("a")).toEqual({ close: [], parse: false });
    prepared.forget("never prepared");
    expect(prepared.prepare("never prepared").close).toEqual([]);
  });

  it("have no names where the limit is nothing", () => {
    expect(new PreparedStatements(0).isUsed).toBe(false);
    expect(new PreparedStatements(1).isUsed).toBe(true);
  });
});
