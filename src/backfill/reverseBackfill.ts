import type { ClientBase } from "pg";

import { BackfillMistake } from "./BackfillMistake.ts";
import { type BackfillRun, type BatchPlace, listBatches, readRun, setStatus } from "./backfillRuns.ts";
import { countOriginals } from "./countOriginals.ts";
import { describeTarget, type Target } from "./describeTarget.ts";
import { halveOnRefusal, type RowProblem } from "./halveOnRefusal.ts";
import { inScope } from "./inScope.ts";
import { type Restored, restoreRows } from "./restoreRows.ts";
import { takeLock, withBackfillSession } from "./withBackfillSession.ts";

export interface ReverseOptions {
  /** Ends the reversal after the batch under way. */
  signal?: AbortSignal;
  /** Counts batches. */
  onProgress?: (done: number, total: number) => void;
}

export interface ReverseReport {
  run: string;
  backfill: string;
  table: string;
  rowsRestored: number;
  /** Rows that are not as the run left them. They stay as they are, and their originals are kept. */
  conflicts: RowProblem[];
}

/**
 * Undoes a run, the last batch first. What is restored loses its original in the same transaction, so that a reversal that
 * was interrupted goes on with what is left, and one that had conflicts can be tried again.
 */
export async function reverseBackfill(
  dataUrl: string,
  runId: string,
  { signal, onProgress }: ReverseOptions = {},
): Promise<ReverseReport> {
  return withBackfillSession(dataUrl, async (client) => {
    await takeLock(client, (await readRun(client, runId)).name);
    // Read again: it may have gone on while the lock was somebody else's.
    const run = await readRun(client, runId);
    await assertRemembered(client, run);
    const target = await describeTarget(client, run.table);
    const report: ReverseReport = {
      run: run.id,
      backfill: run.name,
      table: run.table,
      rowsRestored: 0,
      conflicts: [],
    };
    await setStatus(client, run.id, "reverting");
    const batches = await listBatches(client, run.id);
    for (const [index, batch] of batches.entries()) {
      if (signal?.aborted) {
        const { message } = signal.reason as Error;
        throw new Error(
          `${message} after ${report.rowsRestored} rows were restored; the same command goes on from there.`,
        );
      }
      const { rowsRestored, conflicts } = await reverseBatch(client, { run, target, batch });
      report.rowsRestored += rowsRestored;
      report.conflicts.push(...conflicts);
      onProgress?.(index + 1, batches.length);
    }
    await setStatus(client, run.id, "reverted");
    return report;
  });
}

/** Nothing to restore would pass for everything restored. */
async function assertRemembered(client: ClientBase, run: BackfillRun): Promise<void> {
  if (run.status === "finished" && run.rowsChanged > 0 && (await countOriginals(client, run)) === 0) {
    throw new BackfillMistake(`The run ${run.id} cannot be reversed: its originals were deleted.`);
  }
}

interface BatchToReverse {
  run: BackfillRun;
  target: Target;
  batch: BatchPlace;
}

function reverseBatch(client: ClientBase, { run, target, batch }: BatchToReverse): Promise<Restored> {
  const scope = {
    organizationIds: [batch.organizationId],
    requestId: run.id,
    operation: `backfill reverse ${run.name}`,
  };
  return inScope(client, scope, async () => {
    const { rows } = await client.query<{ id: string }>(
      `\
select o.row_id as id from app_private.backfill_originals o
where o.run_id = $1 and o.table_name = $2 and o.row_id between $3 and $4
order by o.row_id`,
      [run.id, run.table, batch.firstId, batch.lastId],
    );
    const rowIds = rows.map(({ id }) => id);
    if (rowIds.length === 0) {
      return { rowsRestored: 0, conflicts: [] };
    }
    await client.query(
      `select from ${target.table} t where t.id = any ($1::uuid[]) order by t.id for no key update`,
      [rowIds],
    );
    const { results, problems } = await halveOnRefusal(client, rowIds, (some) =>
      restoreRows(client, { runId: run.id, target }, some),
    );
    return {
      rowsRestored: results.reduce((sum, { rowsRestored }) => sum + rowsRestored, 0),
      conflicts: [...results.flatMap(({ conflicts }) => conflicts), ...problems],
    };
  });
}
