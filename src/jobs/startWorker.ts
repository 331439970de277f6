import { join } from "node:path";

import { run, type TaskList } from "graphile-worker";
import type { Logger } from "pino";

import type { Config } from "../config.ts";
import { makeWorkerLogger } from "../database/graphileLogger.ts";
import { makePool } from "../database/makePool.ts";
import { makeMetrics, type Metrics } from "../telemetry/metrics.ts";
import { beatHeart } from "./beatHeart.ts";
import { observeJobs } from "./observeJobs.ts";
import { loadTasks, openTaskServices } from "./taskServices.ts";
import { workerConnections } from "./workerConnections.ts";

export interface RunningWorker {
  /** False once it has stopped, told to or by itself. */
  isRunning(): boolean;
  /** Lets the jobs in progress finish (20 s) or gives them back, then lets go of the database. Safe to call twice. */
  close(): Promise<void>;
}

const CRONTAB_FILE = join(import.meta.dirname, "crontab");

const STOP_LIMIT = 20_000;

export interface WorkerOptions {
  /** Connection of `app_worker`. */
  url: string;
  logger: Logger;
  /** Where the times of jobs are counted; shared with others of the same process. */
  metrics?: Metrics;
  /** Other tasks than those of src/tasks, and no schedule. */
  tasks?: TaskList;
  /** Milliseconds for which a worker that is to stop lets its jobs go on; then it gives them back. */
  stopLimit?: number | undefined;
}

/**
 * Works off the queue with the tasks of src/tasks (a file's name is its task's identifier), and adds to it what is due by
 * the crontab beside this file.
 */
export async function startWorker(
  config: Config,
  { url, logger, metrics = makeMetrics(), tasks, stopLimit = STOP_LIMIT }: WorkerOptions,
): Promise<RunningWorker> {
  const { concurrency, silence } = config.worker;
  const scoped = logger.child({ scope: "worker" });
  const max = workerConnections(config.worker);
  // Our own pool, and no batching of completed jobs: otherwise stopping can end the connections before a finished job
  // is marked as such, and it would run again.
  const pool = makePool(url, { max, applicationName: "bailiwick worker" }, scoped);
  const services = openTaskServices(config, scoped);
  try {
    const events = observeJobs(metrics);
    let workerId = "";
    events.on("pool:create", ({ workerPool }) => (workerId = workerPool.id));
    const runner = await run({
      pgPool: pool,
      ...(tasks ? { taskList: tasks } : { taskList: await loadTasks(services), crontabFile: CRONTAB_FILE }),
      concurrency,
      noHandleSignals: true,
      logger: makeWorkerLogger(scoped),
      preset: { worker: { completeJobBatchDelay: 0, gracefulShutdownAbortTimeout: stopLimit } },
      events,
    });
    const sayGoodbye = await beatHeart(pool, { workerId, silence, logger: scoped });
    let isRunning = true;
    const ended = runner.promise
      .catch((error: unknown) => scoped.error({ err: error }, "The worker has stopped"))
      .finally(() => (isRunning = false));
    let closing: Promise<void> | undefined;
    const close = async () => {
      await runner.stop();
      await ended;
      services.mail.close();
      await sayGoodbye();
      await pool.end();
    };
    return { isRunning: () => isRunning, close: () => (closing ??= close()) };
  } catch (error) {
    services.mail.close();
    await pool.end();
    throw error;
  }
}
