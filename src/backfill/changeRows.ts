import { type ClientBase, escapeIdentifier } from "pg";

import { BackfillMistake } from "./BackfillMistake.ts";
import { KEY, type Target } from "./describeTarget.ts";
import type { Backfill } from "./readBackfill.ts";
import { snapshotSql } from "./snapshotSql.ts";
import { STAGED, stageValues } from "./stageValues.ts";

/** Rows as they are before they are changed; emptied by every commit. */
const BEFORE = "pg_temp.backfill_before";

export interface Change {
  backfill: Backfill;
  target: Target;
  /** The columns that the backfill gives, in its order, with the key among them. */
  given: readonly string[];
  /** Where originals are kept; null keeps none. */
  runId: string | null;
}

export async function makeBefore(client: ClientBase): Promise<void> {
  await client.query(
    "create temporary table backfill_before (id uuid primary key, original jsonb not null) on commit delete rows",
  );
}

/**
 * Gives rows their new values, and keeps what they were. A row that has them already is not touched, so that it stays
 * without an event in the audit, and a second run does nothing.
 *
 * @returns how many rows were changed.
 */
export async function changeRows(
  client: ClientBase,
  { backfill, target, given, runId }: Change,
  rowIds: readonly string[],
): Promise<number> {
  await stageValues(client, backfill, { given, rowIds });
  const names = given.filter((name) => name !== KEY).map((name) => escapeIdentifier(name));
  const differs = names.map((name) => `t.${name}::text is distinct from v.${name}::text`).join(" or ");
  await client.query(`delete from ${BEFORE}`);
  const { rowCount: expected } = await client.query(
    `\
insert into ${BEFORE} (id, original)
select t.id, ${snapshotSql(target, "t")}
from ${target.table} t
join ${STAGED} v on v.id = t.id
where t.id = any ($1::uuid[]) and (${differs})`,
    [rowIds],
  );
  if (!expected) {
    return 0;
  }
  const { rowCount: changed } = await client.query(
    `\
update ${target.table} t
set ${names.map((name) => `${name} = v.${name}`).join(", ")}
from ${STAGED} v
where v.id = t.id and t.id = any ($1::uuid[]) and t.id in (select b.id from ${BEFORE} b)`,
    [rowIds],
  );
  assertCount("were changed", changed, expected);
  if (runId !== null) {
    assertCount("were kept", await keepOriginals(client, { target, runId }), expected);
  }
  return expected;
}

/** After the triggers: what they made of the new values is what a reversal has to find. */
async function keepOriginals(
  client: ClientBase,
  { target, runId }: { target: Target; runId: string },
): Promise<number | null> {
  const { rowCount } = await client.query(
    `\
insert into app_private.backfill_originals (run_id, table_name, row_id, original, written)
select $1, $2, b.id, b.original, (
  select coalesce(jsonb_object_agg(e.key, e.value), '{}')
  from jsonb_each(n.record) as e
  where e.value is distinct from b.original -> e.key
)
from ${BEFORE} b
join (
  select t.id, ${snapshotSql(target, "t")} as record
  from ${target.table} t
  where t.id in (select o.id from ${BEFORE} o)
  offset 0
) as n on n.id = b.id`,
    [runId, target.table],
  );
  return rowCount;
}

/** A trigger that keeps a row back, or a policy that hides one, must not pass for success. */
export function assertCount(what: string, actual: number | null, expected: number): void {
  if (actual !== expected) {
    throw new BackfillMistake(`Of ${expected} rows ${actual ?? 0} ${what}: nothing of this batch is kept.`);
  }
}
