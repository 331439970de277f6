import { createHash } from "node:crypto";

import type { Mutant } from "./generateMutants.ts";

export interface Choice {
  /** Any of these; `*` stands for anything. Matched against the operator, the object, and both. */
  only?: readonly string[];
  /** How many of them. */
  sample?: number;
  /** Another one chooses another sample. */
  seed?: number;
}

/**
 * The mutants that are asked for, in their order. The same seed chooses the same ones as long as they exist.
 *
 * @throws when a pattern stands for none: a run of nothing would show nothing, and pass.
 */
export function chooseMutants(
  mutants: readonly Mutant[],
  { only, sample, seed = 1 }: Choice,
): readonly Mutant[] {
  const idle = only?.filter((pattern) => !mutants.some(matches(pattern))) ?? [];
  if (idle.length > 0) {
    throw new Error(`No mutant's operator or object is '${idle.join("', '")}'`);
  }
  const patterns = only?.map(matches);
  const named = mutants.filter((mutant) => patterns?.some((isMatch) => isMatch(mutant)) ?? true);
  if (sample === undefined || sample >= named.length) {
    return named;
  }
  const rank = (mutant: Mutant) =>
    createHash("sha256")
      .update(`${seed} ${mutantName(mutant)}`)
      .digest("hex");
  const ranked = named
    .map((mutant) => ({ mutant, rank: rank(mutant) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1));
  const chosen = new Set(ranked.slice(0, sample).map(({ mutant }) => mutant));
  return named.filter((mutant) => chosen.has(mutant));
}

export const mutantName = ({ operator, object }: Mutant) => `${operator} ${object}`;

function matches(pattern: string): (mutant: Mutant) => boolean {
  const source = pattern
    .split("*")
    .map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`))
    .join(".*");
  const expression = new RegExp(`^${source}$`);
  return (mutant) =>
    [mutant.operator, mutant.object, mutantName(mutant)].some((text) => expression.test(text));
}
