import type { ClientBase } from "pg";

import { type AccessScope, completeScope } from "./accessScope.ts";
import { runAccessCheck } from "./checkAccess.ts";
import type { AccessReport } from "./report.ts";
import { loadRulePages, loadRules } from "./rules.ts";
import { applyWaivers, type Waiver } from "./waivers.ts";

/**
 * Checks one database by every rule, and takes away what is waived.
 *
 * @param client a connection outside of a transaction.
 * @param stated what is not to be guessed of the scope.
 */
export async function reportAccess(
  client: ClientBase,
  { stated = {}, waivers }: { stated?: Partial<AccessScope>; waivers: readonly Waiver[] },
): Promise<AccessReport> {
  const rules = await loadRules();
  const pages = await loadRulePages(rules);
  const started = performance.now();
  const scope = await completeScope(client, stated);
  const findings = await runAccessCheck(client, { scope, rules });
  const names = rules.map(({ name }) => name);
  const today = new Date().toISOString().slice(0, 10);
  const split = applyWaivers(findings, waivers, { rules: names, today });
  return { scope, rules, pages, ...split, milliseconds: performance.now() - started };
}
