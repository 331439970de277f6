import { readFile } from "node:fs/promises";
import { join } from "node:path";

import type { ClientBase } from "pg";

import type { AccessScope } from "./accessScope.ts";
import { loadRulePages, loadRules, type Rule, type Severity } from "./rules.ts";

/** One breach of one rule. `rule` and `object` together identify it from run to run. */
export interface Breach {
  /** The rule's name, for example `0001_row_security_enabled`. */
  rule: string;
  title: string;
  severity: Severity;
  /** The table, policy, function, role … as SQL would name it. */
  object: string;
  /** What is wrong with it. */
  detail: string;
  /** The SQL that mends it; read it before running it. */
  fix: string;
}

/** A breach with what it means to the people whose data it is. */
export interface Finding extends Breach {
  why: string;
}

export interface AccessCheckOptions {
  scope: AccessScope;
  /** All rules, unless given. */
  rules?: readonly Rule[];
}

const SCOPE_FILE = join(import.meta.dirname, "scope.sql");
const BEGIN = "begin transaction isolation level repeatable read read only";

/**
 * Holds the live catalogue of any Postgres database against the rules, in a read-only transaction of its own: nothing is
 * installed, and no row of a table is read. Needs no privilege beyond connecting.
 *
 * @param client a connection outside of a transaction.
 */
export async function runAccessCheck(
  client: ClientBase,
  { scope, rules: given }: AccessCheckOptions,
): Promise<Finding[]> {
  const rules = given ?? (await loadRules());
  const pages = await loadRulePages(rules);
  await client.query(BEGIN);
  try {
    const breaches = await findBreaches(client, scope, rules);
    return breaches.map((breach) => ({ ...breach, why: pages.get(breach.rule)?.why ?? "" }));
  } finally {
    await client.query("rollback");
  }
}

/** The same inside of a transaction that the caller has begun. */
export async function findBreaches(
  client: ClientBase,
  scope: AccessScope,
  rules: readonly Rule[],
): Promise<Breach[]> {
  // With nothing else on the path, Postgres prints every name with its schema.
  await client.query("set local search_path to pg_catalog");
  const preamble = await readFile(SCOPE_FILE, "utf8");
  const values = [
    scope.schemas,
    scope.exposedSchemas,
    scope.requestRoles,
    scope.loginRoles,
    scope.tenantColumns,
    scope.serverVersion ?? null,
  ];
  const { rows } = await client.query<Pick<Breach, "rule" | "object" | "detail" | "fix">>(
    statement(preamble, rules),
    values,
  );
  const byName = new Map(rules.map((rule) => [rule.name, rule]));
  return rows.map((row) => {
    const { title = "", severity = "error" } = byName.get(row.rule) ?? {};
    return { ...row, title, severity };
  });
}

/** All rules in one statement, so that the server works out the scope once. */
function statement(preamble: string, rules: readonly Rule[]): string {
  const queries = rules.map(
    ({ name, sql }) => `\
select '${name}' as rule, b.object::text, b.detail::text, b.fix::text
from (
${sql}
) b`,
  );
  return `${preamble}\n${queries.join("\nunion all\n")}\norder by 1, 2, 3`;
}
