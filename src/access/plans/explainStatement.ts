import type { ClientBase } from "pg";

import type { PgSettings } from "../../auth/pgSettings.ts";
import type { PlanNode } from "./judgePlan.ts";
import type { Statement } from "./openApi.ts";

export interface ExplainOptions {
  settings: PgSettings;
  /** Whether the statement is run, to count what it reads. Otherwise only planned. */
  isRun: boolean;
}

/** What a statement of the plans' own may take; the counting of a whole tenant takes longer than a request may. */
const STATEMENT_TIMEOUT = "120s";

/**
 * The plan of a statement under the settings of a request, in a transaction that is rolled back. On one process: how many
 * help is the machine's affair.
 *
 * @param client a connection of the gateway's login role, outside of a transaction.
 */
export async function explainStatement(
  client: ClientBase,
  { text, values }: Statement,
  { settings, isRun }: ExplainOptions,
): Promise<PlanNode> {
  await client.query("begin");
  try {
    await client.query("set local max_parallel_workers_per_gather to 0");
    await client.query(
      "select pg_catalog.set_config(key, value, true) from pg_catalog.json_each_text($1::json)",
      [JSON.stringify({ ...settings, statement_timeout: STATEMENT_TIMEOUT })],
    );
    const analyze = isRun ? "analyze, timing off, " : "";
    const { rows } = await client.query(`explain (${analyze}costs off, format json) ${text}`, values);
    return rows[0]["QUERY PLAN"][0].Plan;
  } finally {
    await client.query("rollback");
  }
}
