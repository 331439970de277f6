import type { Task } from "graphile-worker";

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- how graphile-worker learns of a task's payload
  namespace GraphileWorker {
    interface Tasks {
      metrics__enqueue: unknown;
    }
  }
}

/** Adds a `metrics__calculate` for each organization: the schedule itself belongs to none. */
const task: Task<"metrics__enqueue"> = async (_payload, { query }) => {
  await query("select app_hidden.enqueue_metric_calculations()");
};

export default task;
