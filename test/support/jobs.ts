import { runOnce, type TaskList } from "graphile-worker";
import { type Logger, pino } from "pino";

import type { Config } from "../../src/config.ts";
import { makeWorkerLogger } from "../../src/database/graphileLogger.ts";
import { makePool } from "../../src/database/makePool.ts";
import { loadTasks, openTaskServices } from "../../src/jobs/taskServices.ts";
import type { TestDatabase } from "./database.ts";

export interface QueuedJob {
  task: string;
  payload: Record<string, unknown>;
  attempts: number;
  lastError: string | null;
}

/** Works off every job that is due, with the tasks of src/tasks (or others) and the worker's own login. Mails become files. */
export async function runJobs(
  db: Pick<TestDatabase, "config" | "urls">,
  config: Config = db.config,
  tasks?: TaskList,
  logger: Logger = pino({ level: db.config.log.level }),
): Promise<void> {
  const pool = makePool(db.urls.worker, { max: 4, applicationName: "bailiwick test worker" }, logger);
  const services = openTaskServices(config, logger);
  try {
    await runOnce({
      pgPool: pool,
      taskList: tasks ?? (await loadTasks(services)),
      noHandleSignals: true,
      logger: makeWorkerLogger(logger),
    });
  } finally {
    services.mail.close();
    await pool.end();
  }
}

/** The jobs that wait or have failed, in the order in which they were added. */
export async function queuedJobs(db: TestDatabase): Promise<QueuedJob[]> {
  const { rows } = await db.superuser.query<QueuedJob>(
    `select t.identifier as task, j.payload, j.attempts, j.last_error as "lastError"
     from graphile_worker._private_jobs j
     join graphile_worker._private_tasks t on t.id = j.task_id
     order by j.id`,
  );
  return rows;
}
