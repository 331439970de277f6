import { describe, expect, it } from "@jest/globals";

import { judgeSurvivors } from "../../../src/access/mutate/judgeSurvivors.ts";
import type { MutantResult } from "../../../src/access/mutate/mutateAccess.ts";
import { isClean, type MutationReport, mutationText } from "../../../src/access/mutate/mutationReport.ts";
import type { Waiver } from "../../../src/access/waivers.ts";

const result = (object: string, status: MutantResult["status"]): MutantResult => ({
  operator: "policy_dropped",
  object,
  touches: null,
  sql: `drop policy ${object}`,
  isClusterWide: false,
  status,
  killer: status === "killed" ? "matrix" : null,
  evidence: status === "killed" ? "seen" : null,
  seconds: 1,
});
const waiver = (object: string, expires = "2099-01-01"): Waiver => ({
  rule: "policy_dropped",
  object,
  reason: "It changes nothing: another policy says the same.",
  expires,
});
const judge = (results: MutantResult[], waivers: Waiver[], isComplete = true) =>
  judgeSurvivors(results, waivers, { today: "2026-11-20", isComplete });
const report = (judgement: ReturnType<typeof judge>): MutationReport => ({
  generated: 5,
  known: 0,
  ...judgement,
  killers: ["check", "matrix", "tests"],
  isFinished: true,
  jobs: 2,
  seconds: 9,
});

describe("a survivor", () => {
  it("counts until a waiver says why it changes nothing", () => {
    const survivor = [result("a", "survived")];
    expect(isClean(report(judge(survivor, [])))).toBe(false);
    expect(isClean(report(judge(survivor, [waiver("a")])))).toBe(true);
    expect(isClean(report(judge(survivor, [waiver("b")], false)))).toBe(false);
  });

  it("is shown with its SQL, in the count and in the table", () => {
    const text = mutationText(report(judge([result("a", "survived"), result("b", "killed")], [])));
    expect(text).toContain("survived policy_dropped a\n    drop policy a\n");
    expect(text).toMatch(/policy_dropped +2 +0 +0 +1 +0 +1 +0 +2\.0/);
    expect(text).toContain(
      "2 of 5 mutants: 1 killed (0 by check, 0 by rows, 1 by matrix, 0 by tests), 1 survived, 0 waived. 9 s, 2 at a time.",
    );
  });
});

describe("a waiver", () => {
  it.each([
    ["has expired", [result("a", "survived")], waiver("a", "2026-11-19"), "expired on 2026-11-19"],
    ["is not needed any more", [result("a", "killed")], waiver("a"), "it is killed, no waiver is needed"],
    ["names no mutant", [], waiver("a"), "there is no such mutant any more"],
  ])("is reported when it %s", (_title, results, stale, sentence) => {
    const judged = report(judge(results, [stale]));
    expect(judged.staleWaivers).toEqual([
      `policy_dropped a: ${/^the|^it|^there/.test(sentence) ? "" : "the waiver "}${sentence}`,
    ]);
    expect(isClean(judged)).toBe(false);
  });

  it("of a mutant that was not asked for stays", () => {
    expect(judge([], [waiver("a")], false).staleWaivers).toEqual([]);
  });
});

describe("a run", () => {
  it("says how much of it an earlier run had found out", () => {
    const resumed = { ...report(judge([result("a", "killed")], [])), known: 1 };
    expect(mutationText(resumed)).toContain("0 waived. 1 of them in earlier runs; 9 s, 2 at a time.");
    expect(mutationText({ ...resumed, known: 0 })).not.toContain("earlier");
  });

  it("that was interrupted, or has a mutant that cannot run, is not clean", () => {
    expect(isClean({ ...report(judge([], [])), isFinished: false })).toBe(false);
    expect(isClean(report(judge([result("a", "invalid")], [])))).toBe(false);
    expect(isClean(report(judge([result("a", "killed")], [])))).toBe(true);
  });
});
