import type { Task } from "graphile-worker";

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- how graphile-worker learns of a task's payload
  namespace GraphileWorker {
    interface Tasks {
      request__forget_answers: unknown;
    }
  }
}

/** Deletes the kept answers of mutations whose day is over, batch by batch. */
const task: Task<"request__forget_answers"> = async (_payload, { query, logger }) => {
  for (;;) {
    const { rows } = await query<{ deleted: number }>(
      "select app_hidden.delete_expired_answers() as deleted",
    );
    const deleted = rows[0]?.deleted ?? 0;
    if (deleted === 0) {
      return;
    }
    logger.info(`Forgot ${deleted} answers.`);
  }
};

export default task;
