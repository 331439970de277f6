import type { FieldArgs, FieldInfo, Step } from "grafast";
import { EXPORTABLE } from "graphile-build";

/** How a field is planned, whatever its parent. */
export type Plan = (...planArguments: [$parent: Step, fieldArgs: FieldArgs, info: FieldInfo]) => Step;

/**
 * `work` with its first arguments given, in a form that `bailiwick schema compile` can write into a file. A function that sees
 * more than its arguments has no such form, so a plan, an argument's `applyPlan` or an enum value's `apply` is either made here
 * of a function that its module exports, or is such a function itself. What is given is data, a resource, or another of these.
 */
export function bound<Given extends readonly unknown[], Rest extends unknown[], Result>(
  work: (...all: [...Given, ...Rest]) => Result,
  ...given: Given
): (...rest: Rest) => Result {
  return EXPORTABLE(
    (work, given) =>
      (...rest: Rest) =>
        work(...given, ...rest),
    [work, given] as const,
  );
}
