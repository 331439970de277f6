import type { ClientBase } from "pg";

import { BackfillMistake } from "./BackfillMistake.ts";
import { type BackfillRun, findOpenRun, insertRun, setStatus } from "./backfillRuns.ts";
import type { Target } from "./describeTarget.ts";
import { inScope } from "./inScope.ts";
import type { Backfill } from "./readBackfill.ts";

export interface RunRequest {
  backfill: Backfill;
  target: Target;
  organizations: readonly string[] | "all" | undefined;
  isDryRun?: boolean;
}

export interface OpenedRun {
  /** Null for a dry run. */
  run: BackfillRun | null;
  isResumed: boolean;
  /** Ascending. */
  organizationIds: readonly string[];
  rowsTotal: number;
}

/** Finds the run to go on with, or begins a new one; a dry run is neither. */
export async function openRun(
  client: ClientBase,
  { backfill, target, organizations, isDryRun = false }: RunRequest,
): Promise<OpenedRun> {
  const open = isDryRun ? undefined : await findOpenRun(client, backfill.name);
  const wanted = organizations && (await findOrganizations(client, organizations));
  if (open !== undefined && hasBegun(open, backfill)) {
    assertSameRun(open, backfill, wanted);
    await setStatus(client, open.id, "running");
    return { run: open, isResumed: true, organizationIds: open.organizationIds, rowsTotal: open.rowsTotal };
  }
  if (wanted === undefined) {
    throw new BackfillMistake("Say whose rows: --organization ID, as often as there are, or --all.");
  }
  const rowsTotal = await countRows(client, target, wanted);
  const run = isDryRun
    ? null
    : await insertRun(client, {
        name: backfill.name,
        table: backfill.table,
        organizationIds: wanted,
        definitionHash: backfill.hash,
        rowsTotal,
      });
  return { run, isResumed: false, organizationIds: wanted, rowsTotal };
}

/** A run that failed at once may be given up for another statement: it has changed nothing. */
function hasBegun({ rowsDone, definitionHash, status }: BackfillRun, { hash }: Backfill): boolean {
  return rowsDone > 0 || definitionHash === hash || status === "reverting";
}

function assertSameRun(
  { id, status, definitionHash, organizationIds }: BackfillRun,
  { name, hash }: Backfill,
  wanted: readonly string[] | undefined,
): void {
  if (status === "reverting") {
    throw new BackfillMistake(
      `The run ${id} of '${name}' is being reversed: finish 'bailiwick backfill reverse ${id}' first.`,
    );
  }
  if (definitionHash !== hash) {
    throw new BackfillMistake(
      `The file of '${name}' has changed since the run ${id} began: let that one be finished by the file as it was, or ` +
        `reverse it ('bailiwick backfill reverse ${id}').`,
    );
  }
  if (wanted !== undefined && wanted.join() !== organizationIds.join()) {
    throw new BackfillMistake(
      `The run ${id} of '${name}' is not at its end, and is over other organizations: name the same, or none to go on with it.`,
    );
  }
}

/** Sorted; throws when one is not there. */
async function findOrganizations(client: ClientBase, wanted: readonly string[] | "all"): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    "select o as id from app_private.organization_ids() as o",
  );
  const known = rows.map(({ id }) => id).sort();
  if (wanted === "all") {
    return known;
  }
  const unknown = wanted.find((id) => !known.includes(id.toLowerCase()));
  if (unknown !== undefined) {
    throw new BackfillMistake(`There is no organization ${unknown}.`);
  }
  return [...new Set(wanted.map((id) => id.toLowerCase()))].sort();
}

async function countRows(
  client: ClientBase,
  { table, organizationColumn }: Target,
  organizationIds: readonly string[],
): Promise<number> {
  let total = 0;
  for (const organizationId of organizationIds) {
    total += await inScope(client, { organizationIds: [organizationId] }, async () => {
      const { rows } = await client.query<{ count: number }>(
        `select count(*)::float8 as count from ${table} t where t.${organizationColumn} = $1`,
        [organizationId],
      );
      return rows[0]?.count ?? 0;
    });
  }
  return total;
}
