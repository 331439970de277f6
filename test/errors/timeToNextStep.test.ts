import { describe, expect, it } from "@jest/globals";

import { timeToNextStep } from "../../src/errors/timeToNextStep.ts";

describe("an answer about a record that is not there, or not the caller's", () => {
  it.each([
    [0, 50],
    [3.25, 50],
    [49.9, 50],
    [51, 100],
    [149, 150],
  ])("that took %d ms leaves after %d", (elapsed, total) => {
    expect(elapsed + timeToNextStep(elapsed)).toBeCloseTo(total);
  });
});
