import { type ClientBase, escapeIdentifier } from "pg";

import { assertCount } from "./changeRows.ts";
import { KEY, type Target } from "./describeTarget.ts";
import type { RowProblem } from "./halveOnRefusal.ts";
import { RowRefused } from "./rowProblem.ts";
import { snapshotSql, STAMP } from "./snapshotSql.ts";

export interface Restoration {
  runId: string;
  target: Target;
}

export interface Restored {
  rowsRestored: number;
  conflicts: RowProblem[];
}

/**
 * Gives rows back what they were, byte for byte, and lets go of the originals. A row that is not as the run left it is a
 * conflict: it stays as it is, and so does its original. Containment, because a column that was added since is no change.
 */
export async function restoreRows(
  client: ClientBase,
  { runId, target }: Restoration,
  rowIds: readonly string[],
): Promise<Restored> {
  const { untouched, conflicts } = await compareRows(client, { runId, target }, rowIds);
  if (untouched.length === 0) {
    return { rowsRestored: 0, conflicts };
  }
  const kept = [runId, target.table, untouched];
  const columns = await writtenColumns(client, target, kept);
  if (columns.length > 0) {
    const { rowCount } = await client.query(
      `\
update ${target.table} t
set ${columns.map(({ name, type }) => `${escapeIdentifier(name)} = (o.original ->> '${name}')::${type}`).join(", ")}
from app_private.backfill_originals o
where o.run_id = $1 and o.table_name = $2 and o.row_id = any ($3::uuid[]) and t.${KEY} = o.row_id`,
      kept,
    );
    assertCount("were restored", rowCount, untouched.length);
  }
  const { rowCount: identical } = await client.query(
    `\
select from app_private.backfill_originals o
join ${target.table} t on t.${KEY} = o.row_id
where o.run_id = $1 and o.table_name = $2 and o.row_id = any ($3::uuid[])
and ${snapshotSql(target, "t")} @> (o.original - '${STAMP}')`,
    kept,
  );
  if (identical !== untouched.length) {
    throw new RowRefused("a trigger does not let it be what it was");
  }
  const { rowCount: forgotten } = await client.query(
    "delete from app_private.backfill_originals where run_id = $1 and table_name = $2 and row_id = any ($3::uuid[])",
    kept,
  );
  assertCount("were forgotten", forgotten, untouched.length);
  return { rowsRestored: untouched.length, conflicts };
}

/** Tells rows that are as the run left them from those that are not. */
async function compareRows(
  client: ClientBase,
  { runId, target }: Restoration,
  rowIds: readonly string[],
): Promise<{ untouched: string[]; conflicts: RowProblem[] }> {
  const { rows } = await client.query<{ id: string; state: "untouched" | "changed" | "gone" }>(
    `\
select o.row_id as id, case
    when t.${KEY} is null then 'gone'
    when ${snapshotSql(target, "t")} @> ((o.original || o.written) - '${STAMP}') then 'untouched'
    else 'changed'
  end as state
from app_private.backfill_originals o
left join ${target.table} t on t.${KEY} = o.row_id
where o.run_id = $1 and o.table_name = $2 and o.row_id = any ($3::uuid[])
order by o.row_id`,
    [runId, target.table, rowIds],
  );
  return {
    untouched: rows.filter(({ state }) => state === "untouched").map(({ id }) => id),
    conflicts: rows
      .filter(({ state }) => state !== "untouched")
      .map(({ id, state }) => ({
        rowId: id,
        problem: state === "gone" ? "it is gone" : "it was changed since",
      })),
  };
}

/** What the run or its triggers changed. Generated columns follow the others. */
async function writtenColumns(client: ClientBase, { columns }: Target, kept: unknown[]) {
  const { rows } = await client.query<{ name: string }>(
    `\
select distinct k as name
from app_private.backfill_originals o, jsonb_object_keys(o.written) as k
where o.run_id = $1 and o.table_name = $2 and o.row_id = any ($3::uuid[])`,
    kept,
  );
  const written = new Set(rows.map(({ name }) => name));
  return columns.filter(({ name, isGenerated }) => written.has(name) && !isGenerated && name !== STAMP);
}
