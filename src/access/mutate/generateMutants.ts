import { readFile } from "node:fs/promises";
import { join } from "node:path";

import type { ClientBase } from "pg";

import type { AccessScope } from "../accessScope.ts";
import { cutConditions } from "./cutConditions.ts";
import type { Operator } from "./operators.ts";

/** One access rule gone wrong. `operator` and `object` together identify it from run to run. */
export interface Mutant {
  /** The operator's name, for example `policy_dropped`. */
  operator: string;
  /** What it changes, as SQL would name it, and where it cuts also what. */
  object: string;
  /** The table or function whose behaviour changes; null where that is anything. */
  touches: string | null;
  sql: string;
  /** Whether it changes what all databases of the server share. */
  isClusterWide: boolean;
}

/** The same for mutants that go wrong in the same way: in a policy of the same name, whatever its table, or in a function. */
export function mutantKin({ operator, object, touches }: Mutant): string {
  const [, policy = ""] = /^\.(\w+)/.exec(object.replace(touches ?? "", "")) ?? [];
  return `${operator} ${policy}`;
}

interface OperatorRow {
  object: string;
  touches: string | null;
  sql: string;
  text?: string;
}

const PREAMBLES = [join(import.meta.dirname, "../scope.sql"), join(import.meta.dirname, "judges.sql")];

/** `{cut}` in the SQL of an operator stands for the text that has lost a part. */
const PLACEHOLDER = "{cut}";

/**
 * Reads the live catalogue and derives every mutant of it, in a read-only transaction of its own.
 *
 * @param client a connection outside of a transaction.
 */
export async function generateMutants(
  client: ClientBase,
  scope: AccessScope,
  operators: readonly Operator[],
): Promise<Mutant[]> {
  const preamble = (await Promise.all(PREAMBLES.map((file) => readFile(file, "utf8")))).join("");
  await client.query("begin transaction isolation level repeatable read read only");
  try {
    // With nothing else on the path, Postgres prints every name with its schema.
    await client.query("set local search_path to pg_catalog");
    const mutants: Mutant[] = [];
    for (const operator of operators) {
      const { rows } = await client.query<OperatorRow>(
        `${preamble}\nselect * from (\n${operator.sql}\n) as mutant order by object`,
        [
          scope.schemas,
          scope.exposedSchemas,
          scope.requestRoles,
          scope.loginRoles,
          scope.tenantColumns,
          scope.serverVersion ?? null,
        ],
      );
      const made = await Promise.all(rows.map((row) => mutantsOfRow(operator, row)));
      mutants.push(...numbered(made.flat()));
    }
    return mutants;
  } finally {
    await client.query("rollback");
  }
}

async function mutantsOfRow({ name, cuts, isClusterWide }: Operator, row: OperatorRow): Promise<Mutant[]> {
  const { object, touches, sql, text } = row;
  if (cuts === undefined) {
    return [{ operator: name, object, touches, sql, isClusterWide }];
  }
  return (await cutConditions(text ?? "", cuts)).map((cut) => ({
    operator: name,
    object: `${object}: ${cut.part}`,
    touches,
    sql: sql.replace(PLACEHOLDER, () => cut.text),
    isClusterWide,
  }));
}

/** The same condition may stand twice in one body. */
function numbered(mutants: readonly Mutant[]): Mutant[] {
  const seen = new Map<string, number>();
  return mutants.map((mutant) => {
    const count = (seen.get(mutant.object) ?? 0) + 1;
    seen.set(mutant.object, count);
    return count === 1 ? mutant : { ...mutant, object: `${mutant.object} (${count})` };
  });
}
