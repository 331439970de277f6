import type { Task } from "graphile-worker";

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- how graphile-worker learns of a task's payload
  namespace GraphileWorker {
    interface Tasks {
      /** `_cron` is what the schedule adds: the time for which the job is, which may be long ago. */
      report__enqueue_weekly: { _cron?: { ts: string } };
    }
  }
}

/** Adds a `report__create_weekly` for each organization, on the week before the one that the job is for. */
const task: Task<"report__enqueue_weekly"> = async (payload, { query }) => {
  const dueAt = payload?._cron?.ts ?? new Date().toISOString();
  await query("select app_hidden.enqueue_weekly_reports(($1::timestamptz at time zone 'UTC')::date - 7)", [
    dueAt,
  ]);
};

export default task;
