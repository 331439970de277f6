import type { ClientBase } from "pg";

import { rowProblem } from "./rowProblem.ts";

export interface RowProblem {
  rowId: string;
  problem: string;
}

export interface Halved<T> {
  /** What `work` returned for each part that went through. */
  results: T[];
  problems: RowProblem[];
}

/**
 * Runs `work` for rows in a savepoint. Where one of them is refused, none of them is changed, and each half is tried by
 * itself, down to the row: among a thousand rows, one that is refused costs twenty attempts and not a thousand.
 */
export async function halveOnRefusal<T>(
  client: ClientBase,
  rowIds: readonly string[],
  work: (rowIds: readonly string[]) => Promise<T>,
): Promise<Halved<T>> {
  await client.query("savepoint some_rows");
  let problem: string | null;
  try {
    const result = await work(rowIds);
    // What is checked at the commit would end the transaction there, where no row can be told from another.
    await client.query("set constraints all immediate");
    await client.query("release savepoint some_rows");
    return { results: [result], problems: [] };
  } catch (error) {
    problem = rowProblem(error);
    if (problem === null) {
      throw error;
    }
  }
  await client.query("rollback to savepoint some_rows; release savepoint some_rows");
  const [rowId] = rowIds;
  if (rowId === undefined || rowIds.length === 1) {
    return { results: [], problems: rowId === undefined ? [] : [{ rowId, problem }] };
  }
  const middle = Math.ceil(rowIds.length / 2);
  const first = await halveOnRefusal(client, rowIds.slice(0, middle), work);
  const second = await halveOnRefusal(client, rowIds.slice(middle), work);
  return {
    results: [...first.results, ...second.results],
    problems: [...first.problems, ...second.problems],
  };
}
