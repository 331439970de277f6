import { join } from "node:path";

import { PROJECT_ROOT } from "../../config.ts";
import type { Waiver } from "../waivers.ts";
import type { MutantResult } from "./mutateAccess.ts";

/** A result with what was decided about it. */
export type JudgedResult = Omit<MutantResult, "status"> & { status: MutantResult["status"] | "waived" };

export interface Judgement {
  results: JudgedResult[];
  /** One sentence for each waiver that counts no longer. */
  staleWaivers: string[];
}

/** The mutants that change nothing, each with the proof as its reason. */
export const OWN_MUTANT_WAIVERS = join(PROJECT_ROOT, "access-mutants.json");

/**
 * Takes survivors away that somebody has shown to change nothing. A waiver names the operator as its `rule`.
 *
 * @param today as YYYY-MM-DD.
 * @param isComplete whether every mutant was tried: only then a waiver without one is known to be stale.
 */
export function judgeSurvivors(
  results: readonly MutantResult[],
  waivers: readonly Waiver[],
  { today, isComplete }: { today: string; isComplete: boolean },
): Judgement {
  const waiverOf = ({ operator, object }: MutantResult) =>
    waivers.find((waiver) => waiver.rule === operator && waiver.object === object);
  const isWaived = (result: MutantResult) => {
    const waiver = result.status === "survived" ? waiverOf(result) : undefined;
    return waiver !== undefined && waiver.expires >= today;
  };
  const staleWaivers = waivers.flatMap((waiver) => {
    const name = `${waiver.rule} ${waiver.object}`;
    const result = results.find((one) => waiverOf(one) === waiver);
    if (waiver.expires < today) {
      return [`${name}: the waiver expired on ${waiver.expires}`];
    }
    if (result !== undefined) {
      return result.status === "survived" ? [] : [`${name}: it is ${result.status}, no waiver is needed`];
    }
    return isComplete ? [`${name}: there is no such mutant any more`] : [];
  });
  return {
    results: results.map((result) => (isWaived(result) ? { ...result, status: "waived" } : result)),
    staleWaivers,
  };
}
