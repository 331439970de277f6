import { describe, expect, it } from "@jest/globals";

import { findDifference } from "../../bench/measure/sameAnswer.ts";

const answer = (patient: Record<string, unknown>) => ({ patients: { nodes: [patient] } });

describe("two answers", () => {
  it("are the same when only the order of fields and the writing of moments differ", () => {
    const left = answer({ rowId: "1", createdAt: "2026-06-15T09:00:00.123+00:00" });
    const right = answer({ createdAt: "2026-06-15T09:00:00.123Z", rowId: "1" });
    expect(findDifference(left, right)).toBeUndefined();
  });

  it.each([
    ["a value", { rowId: "2" }, "rowId"],
    ["a moment", { createdAt: "2026-06-15T09:00:01Z" }, "createdAt"],
    ["a field that is missing", { rowId: undefined }, "rowId"],
    ["null in place of a value", { rowId: null }, "rowId"],
  ])("differ in %s", (_what, change, where) => {
    const patient = { rowId: "1", createdAt: "2026-06-15T09:00:00Z" };
    expect(findDifference(answer(patient), answer({ ...patient, ...change }))).toContain(
      `data.patients.nodes.0.${where}: `,
    );
  });

  it("differ in the order of rows", () => {
    const nodes = [{ rowId: "1" }, { rowId: "2" }];
    expect(findDifference({ nodes }, { nodes: nodes.toReversed() })).toContain("data.nodes.0.rowId");
  });

  it("differ in the number of rows", () => {
    expect(findDifference({ nodes: [1] }, { nodes: [1, 2] })).toContain("data.nodes.1");
  });
});
