import type { TestDatabase } from "../support/database.ts";

/** Puts a job in the queue as the operator would by hand. */
export async function addJob(db: TestDatabase, task: string, payload: object): Promise<void> {
  await db.superuser.query("select graphile_worker.add_job($1, $2::json, max_attempts := 1)", [
    task,
    JSON.stringify(payload),
  ]);
}

/** The single number that a query yields. */
export async function count(db: TestDatabase, sql: string, values: unknown[] = []): Promise<number> {
  const { rows } = await db.superuser.query<{ count: string }>(`select count(*) ${sql}`, values);
  return Number(rows[0]?.count);
}

/** Why the last job that was given up was, as `job_dead_letters` has it. */
export async function lastReason(db: TestDatabase): Promise<string | undefined> {
  const { rows } = await db.superuser.query<{ reason: string }>(
    "select reason from app_public.job_dead_letters order by id desc limit 1",
  );
  return rows[0]?.reason;
}
