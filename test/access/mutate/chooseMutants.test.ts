import { describe, expect, it } from "@jest/globals";

import { chooseMutants } from "../../../src/access/mutate/chooseMutants.ts";
import type { Mutant } from "../../../src/access/mutate/generateMutants.ts";

const mutants: Mutant[] = ["a", "b", "c", "d"].flatMap((object) =>
  ["policy_dropped", "helper_true"].map((operator) => ({
    operator,
    object: `app_public.${object}`,
    touches: null,
    sql: "select",
    isClusterWide: false,
  })),
);
const chosen = (choice: Parameters<typeof chooseMutants>[1]) =>
  chooseMutants(mutants, choice).map(({ operator, object }) => `${operator} ${object}`);

describe("a choice of mutants", () => {
  it("is all of them unless something is asked for", () => {
    expect(chosen({})).toHaveLength(8);
  });

  it.each([
    ["an operator", "helper_*", 4],
    ["an object", "app_public.a", 2],
    ["both", "policy_dropped *.b", 1],
  ])("can name %s", (_title, pattern, count) => {
    expect(chosen({ only: [pattern] })).toHaveLength(count);
  });

  it("cannot be of what is not there, even beside what is", () => {
    expect(() => chosen({ only: ["helper_*", "polcy_*", "x.y"] })).toThrow(
      "No mutant's operator or object is 'polcy_*', 'x.y'",
    );
  });

  it("is a sample that a seed chooses, the same one each time", () => {
    const first = chosen({ sample: 3, seed: 1 });
    expect(first).toHaveLength(3);
    expect(chosen({ sample: 3, seed: 1 })).toEqual(first);
    expect([2, 3, 4].map((seed) => chosen({ sample: 3, seed }))).not.toEqual([first, first, first]);
    expect(chosen({ only: ["helper_*"], sample: 9 })).toHaveLength(4);
  });
});
