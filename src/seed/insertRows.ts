import type { ClientBase } from "pg";

import type { DemoRows } from "./demoClinics.ts";

/** Table → how many rows are new. */
export type SeedReport = Record<string, number>;

/**
 * Writes the rows whose ids are not there yet, table after table, in the open transaction and with the rights it has.
 * Those that are there are left out before the triggers see them: some refuse what they have seen before.
 */
export async function insertRows(
  client: ClientBase,
  schema: "app_public" | "app_vault",
  tables: DemoRows,
): Promise<SeedReport> {
  const report: SeedReport = {};
  for (const [table, rows] of Object.entries(tables)) {
    const columns = Object.keys(rows[0] ?? {}).join(", ");
    const { rowCount } = await client.query(
      `\
insert into ${schema}.${table} (${columns})
select ${columns}
from jsonb_populate_recordset(null::${schema}.${table}, $1) as d
where not exists (select from ${schema}.${table} t where t.id = d.id)
on conflict do nothing`,
      [JSON.stringify(rows)],
    );
    report[table] = rowCount ?? 0;
  }
  return report;
}
