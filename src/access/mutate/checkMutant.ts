import { type ClientBase, DatabaseError } from "pg";

import type { AccessScope } from "../accessScope.ts";
import { findBreaches } from "../checkAccess.ts";
import type { Rule } from "../rules.ts";
import { applyWaivers, type Waiver } from "../waivers.ts";
import type { Mutant } from "./generateMutants.ts";

/** What became of a mutant before anybody had to look at rows. */
export type CheckVerdict =
  | { kind: "killed"; killer: string; evidence: string }
  | { kind: "unnoticed" }
  /** Its SQL cannot run: a fault of the operator. */
  | { kind: "invalid"; evidence: string };

export interface CheckMutantOptions {
  scope: AccessScope;
  rules: readonly Rule[];
  waivers: readonly Waiver[];
  /** As YYYY-MM-DD. */
  today: string;
}

const INTEGRITY_VIOLATION = /^23/;

/**
 * Makes a function that holds a mutant against the rules of `access check`, in a transaction that is rolled back. What
 * killed the operator's mutants before is asked first: most need one rule of many.
 */
export function makeMutantCheck({ scope, rules, waivers, today }: CheckMutantOptions) {
  const killedBy = new Map<string, Set<string>>();
  const firstOpen = async (client: ClientBase, some: readonly Rule[]) => {
    const breaches = await findBreaches(client, scope, some);
    const { open } = applyWaivers(
      breaches.map((breach) => ({ ...breach, why: "" })),
      waivers,
      { rules: some.map(({ name }) => name), today },
    );
    return open[0];
  };
  return async (client: ClientBase, { operator, sql }: Mutant): Promise<CheckVerdict> => {
    const known = killedBy.get(operator) ?? new Set();
    killedBy.set(operator, known);
    await client.query("begin");
    try {
      const refusal = await applyMutant(client, sql);
      if (refusal) {
        return refusal;
      }
      for (const isKnown of [true, false]) {
        const some = rules.filter(({ name }) => known.has(name) === isKnown);
        const found = some.length > 0 ? await firstOpen(client, some) : undefined;
        if (found) {
          known.add(found.rule);
          return {
            kind: "killed",
            killer: "check",
            evidence: `${found.rule} ${found.object}: ${found.detail}`,
          };
        }
      }
      return { kind: "unnoticed" };
    } finally {
      await client.query("rollback");
    }
  };
}

/** Rows of the world that contradict a weaker key are evidence as good as a rule. */
async function applyMutant(client: ClientBase, sql: string): Promise<CheckVerdict | undefined> {
  try {
    await client.query(sql);
    return undefined;
  } catch (error) {
    if (!(error instanceof DatabaseError)) {
      throw error;
    }
    return INTEGRITY_VIOLATION.test(error.code ?? "")
      ? { kind: "killed", killer: "rows", evidence: error.message }
      : { kind: "invalid", evidence: `${error.code}: ${error.message}` };
  }
}
