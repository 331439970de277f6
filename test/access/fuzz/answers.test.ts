import { describe, expect, it } from "@jest/globals";

import { withSortedGroups } from "../../../src/access/fuzz/answers.ts";

const group = (key: string | null, typename = "") => `{${typename}"keys":[${JSON.stringify(key)}]}`;
const answer = (...groups: string[]) => `{"data":{"goals":{"groupedAggregates":[${groups.join()}]}}}`;

describe("groups of two answers", () => {
  it.each(["", '"__typename":"GoalAggregates",'])(
    "are the same in whatever order they come (%s)",
    (typename) => {
      const [one, other] = [group("week", typename), group(null, typename)];
      expect(withSortedGroups(answer(one, other))).toBe(withSortedGroups(answer(other, one)));
    },
  );

  it("are not the same when one is missing or another", () => {
    const sorted = withSortedGroups(answer(group("week"), group("day")));
    expect(withSortedGroups(answer(group("week")))).not.toBe(sorted);
    expect(withSortedGroups(answer(group("week"), group("month")))).not.toBe(sorted);
  });
});
