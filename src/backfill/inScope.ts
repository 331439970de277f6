import { type ClientBase, DatabaseError } from "pg";

import { redactText } from "../errors/redactError.ts";
import { DEADLOCK_DETECTED, SERIALIZATION_FAILURE } from "../errors/sqlStates.ts";
import { BackfillMistake } from "./BackfillMistake.ts";

export interface ScopeOptions {
  /** The organizations whose rows can be seen and changed. */
  organizationIds: readonly string[];
  /** Both stand in the audit's events of what is changed. */
  requestId?: string;
  operation?: string;
  /** False rolls back what was done. */
  isKept?: boolean;
}

const ATTEMPTS = 3;

/** Declares the scope until the transaction ends. */
const DECLARE = `\
select set_config('app.data_scope', $1, true), set_config('app.request_id', $2, true),
  set_config('app.operation', $3, true)`;

/** Runs `work` in one transaction that reaches these organizations; again where it lost against another transaction. */
export async function inScope<T>(
  client: ClientBase,
  options: ScopeOptions,
  work: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await tryInScope(client, options, work);
    } catch (error) {
      if (attempt === ATTEMPTS || !isLostRace(error)) {
        throw withoutValues(error);
      }
    }
  }
}

async function tryInScope<T>(
  client: ClientBase,
  { organizationIds, requestId = "", operation = "", isKept = true }: ScopeOptions,
  work: () => Promise<T>,
): Promise<T> {
  await client.query("begin");
  try {
    await client.query(DECLARE, [organizationIds.join(","), requestId, operation]);
    const result = await work();
    await client.query(isKept ? "commit" : "rollback");
    return result;
  } catch (error) {
    // A connection that is gone has rolled back by itself.
    await client.query("rollback").catch(() => undefined);
    throw error;
  }
}

/**
 * Privileges, limits, locks, cancellations: of these Postgres speaks in words of its own. Any other text may be a trigger's,
 * with a value of the row in it.
 */
const SPOKEN_CLASSES = /^(25|40|42|53|54|55|57)/;

function withoutValues(error: unknown): unknown {
  if (!(error instanceof DatabaseError)) {
    return error;
  }
  const { code = "", message, table } = error;
  const where = table === undefined ? "" : ` of ${table}`;
  const what = SPOKEN_CLASSES.test(code) ? redactText(message) : `a row${where} was refused`;
  return new BackfillMistake(`The batch is rolled back: ${what} (${code})`);
}

function isLostRace(error: unknown): boolean {
  return (
    error instanceof DatabaseError &&
    (error.code === DEADLOCK_DETECTED || error.code === SERIALIZATION_FAILURE)
  );
}
