import { describe, expect, it } from "@jest/globals";

import { cutConditions, type CutKind } from "../../../src/access/mutate/cutConditions.ts";

const cuts = async (text: string, kind: CutKind) => (await cutConditions(text, kind)).map((cut) => cut.text);

describe("cutting conditions", () => {
  it("forgets each part of what AND joins, and nothing of what OR joins", async () => {
    expect(await cuts("a and b = 1 and not c", "conditions")).toEqual([
      "true and b = 1 and not c",
      "a and true and not c",
      "a and b = 1 and true",
    ]);
    expect(await cuts("a or b", "conditions")).toEqual([]);
  });

  it("looks into brackets, subqueries and CASE", async () => {
    expect(await cuts("((a and b) or exists (select from t where c))", "conditions")).toEqual([
      "((true and b) or exists (select from t where c))",
      "((a and true) or exists (select from t where c))",
      "((a and b) or exists (select from t where true))",
    ]);
    expect(await cuts("case when a and b then c else d end", "conditions")).toEqual([
      "case when true and b then c else d end",
      "case when a and true then c else d end",
    ]);
  });

  it("takes a lone condition of WHERE and ON, and not what a conflict is about", async () => {
    expect(await cuts("select from t join u on t.id = u.id where t.active", "conditions")).toEqual([
      "select from t join u on true where t.active",
      "select from t join u on t.id = u.id where true",
    ]);
    expect(await cuts("insert into t values (1) on conflict (id) do nothing", "conditions")).toEqual([]);
    expect(
      await cuts("insert into t values (1) on conflict on constraint k do nothing", "conditions"),
    ).toEqual([]);
  });

  it("does not forget what always holds", async () => {
    expect(
      await cuts("select from t left join lateral (select) u on true where a and true", "conditions"),
    ).toEqual(["select from t left join lateral (select) u on true where true and true"]);
  });

  it("takes BETWEEN and IS DISTINCT FROM for one comparison each", async () => {
    expect(await cuts("a between 1 and 2 and b is distinct from c", "conditions")).toEqual([
      "true and b is distinct from c",
      "a between 1 and 2 and true",
    ]);
  });

  it("lets every guard of a function pass, and each reason of one", async () => {
    const body = (guard: string) => `begin if ${guard} then raise exception 'no'; end if; return; end`;
    expect(await cuts(body("a is null"), "conditions")).toEqual([body("false")]);
    expect(await cuts(body("a or b"), "conditions")).toEqual([body("false or b"), body("a or false")]);
  });

  it("is not misled by comments, by quoted text, or by the names of errors", async () => {
    const body = "begin -- where a and b\n  perform 'x and y'; exception when e1 or e2 then null; end";
    expect(await cuts(body, "conditions")).toEqual([]);
    expect(await cuts(body, "branches")).toEqual([]);
  });

  it("counts letters, not bytes", async () => {
    expect(await cuts("a = '’' and b", "conditions")).toEqual(["true and b", "a = '’' and true"]);
  });

  it("loses each branch of what OR joins", async () => {
    expect(await cuts("a or (b and c)", "branches")).toEqual(["false or (b and c)", "a or false"]);
  });
});
