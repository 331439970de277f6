import type { ClientBase } from "pg";

import { BackfillMistake } from "./BackfillMistake.ts";
import type { RowProblem } from "./halveOnRefusal.ts";

export type RunStatus = "running" | "finished" | "failed" | "reverting" | "reverted";

/** One run, as the books have it. */
export interface BackfillRun {
  id: string;
  name: string;
  table: string;
  status: RunStatus;
  organizationIds: string[];
  definitionHash: string;
  rowsTotal: number;
  rowsDone: number;
  rowsChanged: number;
  issues: number;
  startedAt: Date;
  finishedAt: Date | null;
}

const SELECT_RUNS = `\
select r.id, r.name, r.table_name as "table", r.status, r.organization_ids::text[] as "organizationIds",
  r.definition_hash as "definitionHash", coalesce(r.rows_total, 0)::float8 as "rowsTotal",
  r.rows_done::float8 as "rowsDone",
  (select coalesce(sum(b.rows_changed), 0)::float8 from app_private.backfill_batches b where b.run_id = r.id)
    as "rowsChanged",
  (select count(*)::int from app_private.backfill_issues i where i.run_id = r.id) as issues,
  r.started_at as "startedAt", r.finished_at as "finishedAt"
from app_private.backfill_runs r`;

/** Every run, the newest first. */
export async function listRuns(client: ClientBase): Promise<BackfillRun[]> {
  return (await client.query<BackfillRun>(`${SELECT_RUNS} order by r.started_at desc, r.id desc`)).rows;
}

export async function readRun(client: ClientBase, id: string): Promise<BackfillRun> {
  const { rows } = await client.query<BackfillRun>(`${SELECT_RUNS} where r.id = $1`, [id]);
  if (rows[0] === undefined) {
    throw new BackfillMistake(`There is no run ${id}: 'bailiwick backfill status' lists them.`);
  }
  return rows[0];
}

/** The run of a backfill that is not at its end; undefined when there is none. */
export async function findOpenRun(client: ClientBase, name: string): Promise<BackfillRun | undefined> {
  const { rows } = await client.query<BackfillRun>(
    `${SELECT_RUNS}
where r.name = $1 and r.status in ('running', 'failed', 'reverting')
order by r.started_at desc, r.id desc limit 1`,
    [name],
  );
  return rows[0];
}

export async function insertRun(
  client: ClientBase,
  run: Pick<BackfillRun, "name" | "table" | "organizationIds" | "definitionHash" | "rowsTotal">,
): Promise<BackfillRun> {
  const { rows } = await client.query<{ id: string }>(
    `\
insert into app_private.backfill_runs (name, table_name, organization_ids, definition_hash, rows_total)
values ($1, $2, $3, $4, $5)
returning id`,
    [run.name, run.table, run.organizationIds, run.definitionHash, run.rowsTotal],
  );
  return readRun(client, rows[0]?.id ?? "");
}

export async function setStatus(client: ClientBase, runId: string, status: RunStatus): Promise<void> {
  await client.query(
    `\
update app_private.backfill_runs
set status = $2, finished_at = case when $2 in ('finished', 'reverted') then now() end
where id = $1`,
    [runId, status],
  );
}

export interface DoneBatch {
  organizationId: string;
  rowIds: readonly string[];
  rowsChanged: number;
  problems: readonly RowProblem[];
}

/** Writes a batch into the books: in the transaction that changes its rows, so that neither is there without the other. */
export async function recordBatch(
  client: ClientBase,
  { id, table }: BackfillRun,
  { organizationId, rowIds, rowsChanged, problems }: DoneBatch,
): Promise<void> {
  await client.query(
    `\
insert into app_private.backfill_batches (run_id, number, first_key, last_key, rows_changed)
select $1, coalesce(max(b.number), 0) + 1, $2, $3, $4 from app_private.backfill_batches b where b.run_id = $1`,
    [id, batchKey(organizationId, rowIds[0]), batchKey(organizationId, rowIds.at(-1)), rowsChanged],
  );
  await client.query(
    `\
insert into app_private.backfill_issues (run_id, table_name, row_id, problem)
select $1, $2, p.row_id, p.problem from unnest($3::uuid[], $4::text[]) as p (row_id, problem)`,
    [id, table, problems.map(({ rowId }) => rowId), problems.map(({ problem }) => problem)],
  );
  await client.query("update app_private.backfill_runs set rows_done = rows_done + $2 where id = $1", [
    id,
    rowIds.length,
  ]);
}

export interface BatchPlace {
  organizationId: string;
  firstId: string;
  lastId: string;
}

/** The batches of a run, the last one first. */
export async function listBatches(client: ClientBase, runId: string): Promise<BatchPlace[]> {
  const { rows } = await client.query<BatchPlace>(
    `\
select split_part(b.first_key, '/', 1) as "organizationId", split_part(b.first_key, '/', 2) as "firstId",
  split_part(b.last_key, '/', 2) as "lastId"
from app_private.backfill_batches b where b.run_id = $1 order by b.number desc`,
    [runId],
  );
  return rows;
}

/** How many of each problem a run has met, the most frequent first. */
export async function countProblems(
  client: ClientBase,
  runId: string,
): Promise<{ problem: string; rows: number }[]> {
  const { rows } = await client.query<{ problem: string; rows: number }>(
    `\
select i.problem, count(*)::int as rows from app_private.backfill_issues i
where i.run_id = $1 group by i.problem order by rows desc, i.problem`,
    [runId],
  );
  return rows;
}

/** The rows that a run could not bring over. */
export async function listIssues(client: ClientBase, runId: string): Promise<RowProblem[]> {
  const { rows } = await client.query<RowProblem>(
    `\
select i.row_id as "rowId", i.problem from app_private.backfill_issues i
where i.run_id = $1 order by i.created_at, i.row_id`,
    [runId],
  );
  return rows;
}

function batchKey(organizationId: string, rowId = ""): string {
  return `${organizationId}/${rowId}`;
}
