import type { Client } from "pg";

import type { AccessScope } from "../accessScope.ts";
import { findBreaches } from "../checkAccess.ts";
import type { Rule } from "../rules.ts";
import { applyWaivers, type Waiver } from "../waivers.ts";
import type { BenchKiller } from "./killer.ts";

export interface CheckKillerOptions {
  scope: AccessScope;
  rules: readonly Rule[];
  waivers: readonly Waiver[];
  /** As YYYY-MM-DD. */
  today: string;
}

/**
 * Holds mutants against the rules of `access check`, with its waivers, as CI does. The rules that found an operator's
 * mutants before are asked first: most need one rule of many.
 */
export function makeCheckKiller({ scope, rules, waivers, today }: CheckKillerOptions): BenchKiller {
  const foundBy = new Map<string, Set<string>>();
  const firstOpen = async (client: Client, some: readonly Rule[]) => {
    const breaches = await findBreaches(client, scope, some);
    const findings = breaches.map((breach) => ({ ...breach, why: "" }));
    return applyWaivers(findings, waivers, { rules: some.map(({ name }) => name), today }).open[0];
  };
  return {
    name: "check",
    looksAt: "transaction",
    async findEvidence({ operator }, client, reach) {
      if (reach === "far") {
        return null;
      }
      const known = foundBy.get(operator) ?? new Set();
      foundBy.set(operator, known);
      // Split before anything is asked: mutants are tried side by side, and a rule that becomes known meanwhile is
      // asked about this one too.
      const turns = [
        rules.filter(({ name }) => known.has(name)),
        rules.filter(({ name }) => !known.has(name)),
      ];
      for (const turn of turns) {
        const found = turn.length > 0 ? await firstOpen(client, turn) : undefined;
        if (found) {
          known.add(found.rule);
          return `${found.rule} ${found.object}: ${found.detail}`;
        }
      }
      return null;
    },
  };
}
