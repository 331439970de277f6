import type { ClientBase } from "pg";

import {
  type BackfillRun,
  countProblems,
  listBatches,
  readRun,
  recordBatch,
  setStatus,
} from "./backfillRuns.ts";
import { type Change, changeRows, makeBefore } from "./changeRows.ts";
import { describeTarget, type Target } from "./describeTarget.ts";
import { halveOnRefusal, type RowProblem } from "./halveOnRefusal.ts";
import { inScope } from "./inScope.ts";
import { type OpenedRun, openRun } from "./openRun.ts";
import type { Backfill } from "./readBackfill.ts";
import { makeStage } from "./stageValues.ts";
import { takeLock, withBackfillSession } from "./withBackfillSession.ts";

export interface BackfillOptions {
  /** Whose rows: ids, or everybody's. Undefined goes on with those of the run that is not at its end. */
  organizations: readonly string[] | "all" | undefined;
  /** Rows of one transaction, instead of what the file says. */
  batchSize?: number;
  /** Does everything and keeps nothing. */
  isDryRun?: boolean;
  /** Ends the run after the batch under way. */
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

export interface BackfillReport {
  /** Null for a run of which nothing was kept. */
  run: string | null;
  backfill: string;
  table: string;
  /** Whether it goes on where an earlier one was interrupted. */
  isResumed: boolean;
  rowsTotal: number;
  rowsDone: number;
  rowsChanged: number;
  problems: { problem: string; rows: number }[];
}

/**
 * Runs a backfill as `app_data`, batch by batch, or goes on with the run that was interrupted. A batch, its originals and
 * its place in the books are one transaction: whenever the process ends, all of them are there or none.
 *
 * @param dataUrl connection of `app_migrator` acting as `app_data`.
 */
export async function runBackfill(
  dataUrl: string,
  backfill: Backfill,
  options: BackfillOptions,
): Promise<BackfillReport> {
  return withBackfillSession(dataUrl, async (client) => {
    await takeLock(client, backfill.name);
    const target = await describeTarget(client, backfill.table);
    const given = await makeStage(client, backfill, target);
    await makeBefore(client);
    const opened = await openRun(client, { backfill, target, ...options });
    const change = { backfill, target, given, runId: opened.run?.id ?? null };
    const progress: Progress = { rowsDone: opened.run?.rowsDone ?? 0, rowsChanged: 0, problems: [] };
    try {
      for await (const batch of batches(client, change, opened, options)) {
        progress.rowsDone += batch.rowIds.length;
        progress.rowsChanged += batch.rowsChanged;
        if (change.runId === null) {
          progress.problems.push(...batch.problems);
        }
        options.onProgress?.(progress.rowsDone, opened.rowsTotal);
      }
      throwIfInterrupted(options.signal, progress.rowsDone, opened.rowsTotal, change.runId === null);
    } catch (error) {
      if (opened.run !== null && !options.signal?.aborted) {
        // Where the connection is gone, the run stays as it is, and is gone on with all the same.
        await setStatus(client, opened.run.id, "failed").catch(() => undefined);
      }
      throw error;
    }
    return report(client, change, opened, progress);
  });
}

interface Progress {
  rowsDone: number;
  /** By this process. */
  rowsChanged: number;
  /** Of a dry run: the others have theirs in the books. */
  problems: RowProblem[];
}

interface Batch {
  organizationId: string;
  rowIds: readonly string[];
  rowsChanged: number;
  problems: RowProblem[];
}

/** One organization after the other, by ascending id from where the run is: each transaction reaches the rows of one. */
async function* batches(
  client: ClientBase,
  change: Change,
  { run, organizationIds }: OpenedRun,
  { batchSize = change.backfill.batchSize, signal }: BackfillOptions,
): AsyncGenerator<Batch> {
  const [last] = run === null ? [] : await listBatches(client, run.id);
  const left = organizationIds.filter((id) => last === undefined || id >= last.organizationId);
  for (const organizationId of left) {
    let after = organizationId === last?.organizationId ? last.lastId : null;
    for (;;) {
      if (signal?.aborted) {
        return;
      }
      const batch = await runBatch(client, change, run, { organizationId, after, batchSize });
      if (batch.rowIds.length === 0) {
        break;
      }
      after = batch.rowIds.at(-1) ?? null;
      yield batch;
    }
  }
}

function runBatch(
  client: ClientBase,
  change: Change,
  run: BackfillRun | null,
  place: { organizationId: string; after: string | null; batchSize: number },
): Promise<Batch> {
  const { organizationId } = place;
  const scope = {
    organizationIds: [organizationId],
    requestId: run?.id,
    operation: `backfill ${change.backfill.name}`,
    isKept: run !== null,
  };
  return inScope(client, scope, async () => {
    const rowIds = await lockNextRows(client, change.target, place);
    if (rowIds.length === 0) {
      return { organizationId, rowIds, rowsChanged: 0, problems: [] };
    }
    const { results, problems } = await halveOnRefusal(client, rowIds, (some) =>
      changeRows(client, change, some),
    );
    const batch = { organizationId, rowIds, rowsChanged: results.reduce((sum, n) => sum + n, 0), problems };
    if (run !== null) {
      await recordBatch(client, run, batch);
    }
    return batch;
  });
}

/** Nobody changes them before the batch ends: what is kept as the original is what is overwritten. */
async function lockNextRows(
  client: ClientBase,
  { table, organizationColumn }: Target,
  { organizationId, after, batchSize }: { organizationId: string; after: string | null; batchSize: number },
): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `\
select t.id from ${table} t
where t.${organizationColumn} = $1 and t.id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')
order by t.id
limit $3
for no key update`,
    [organizationId, after, batchSize],
  );
  return rows.map(({ id }) => id);
}

function throwIfInterrupted(
  signal: AbortSignal | undefined,
  done: number,
  total: number,
  isDryRun: boolean,
): void {
  if (signal?.aborted) {
    const { message } = signal.reason as Error;
    const next = isDryRun ? "nothing was kept" : "the same command goes on from there";
    throw new Error(`${message} after ${done} of ${total} rows; ${next}.`);
  }
}

async function report(
  client: ClientBase,
  { backfill }: Change,
  { run, isResumed, rowsTotal }: OpenedRun,
  { rowsDone, rowsChanged, problems }: Progress,
): Promise<BackfillReport> {
  const heading = { backfill: backfill.name, table: backfill.table, isResumed };
  if (run === null) {
    return { run: null, ...heading, rowsTotal, rowsDone, rowsChanged, problems: countByProblem(problems) };
  }
  await setStatus(client, run.id, "finished");
  const finished = await readRun(client, run.id);
  return {
    run: run.id,
    ...heading,
    rowsTotal,
    rowsDone: finished.rowsDone,
    rowsChanged: finished.rowsChanged,
    problems: await countProblems(client, run.id),
  };
}

function countByProblem(problems: readonly RowProblem[]): BackfillReport["problems"] {
  const counts = new Map<string, number>();
  problems.forEach(({ problem }) => counts.set(problem, (counts.get(problem) ?? 0) + 1));
  return [...counts].map(([problem, rows]) => ({ problem, rows }));
}
