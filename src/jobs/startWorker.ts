import { join } from "node:path";

import { run } from "graphile-worker";
import type { Logger } from "pino";

import type { Config } from "../config.ts";
import { makeWorkerLogger } from "../database/graphileLogger.ts";
import { makePool } from "../database/makePool.ts";
import { makeMetrics, type Metrics } from "../telemetry/metrics.ts";
import { beatHeart } from "./beatHeart.ts";
import { observeJobs } from "./observeJobs.ts";
import { loadTasks, openTaskServices } from "./taskServices.ts";

export interface RunningWorker {
  /** False once it has stopped, told to or by itself. */
  isRunning(): boolean;
  /** Lets the jobs in progress finish, then lets go of the database. Safe to call twice. */
  close(): Promise<void>;
}

const CRONTAB_FILE = join(import.meta.dirname, "crontab");

/** Every job needs one connection, the listener and the bookkeeping one more each. */
const SPARE_CONNECTIONS = 2;

/**
 * Works off the queue with the tasks of src/tasks (a file's name is its task's identifier), and adds to it what is due by
 * the crontab beside this file.
 *
 * @param url connection of `app_worker`.
 * @param metrics where the times of jobs are counted; shared with others of the same process.
 */
export async function startWorker(
  config: Config,
  { url, logger, metrics = makeMetrics() }: { url: string; logger: Logger; metrics?: Metrics },
): Promise<RunningWorker> {
  const { concurrency, poolSize } = config.worker;
  const scoped = logger.child({ scope: "worker" });
  const max = Math.max(poolSize, concurrency + SPARE_CONNECTIONS);
  // Our own pool, and no batching of completed jobs: otherwise stopping can end the connections before a finished job
  // is marked as such, and it would run again.
  const pool = makePool(url, { max, applicationName: "bailiwick worker" }, scoped);
  const services = openTaskServices(config, scoped);
  try {
    const runner = await run({
      pgPool: pool,
      taskList: await loadTasks(services),
      crontabFile: CRONTAB_FILE,
      concurrency,
      noHandleSignals: true,
      logger: makeWorkerLogger(scoped),
      preset: { worker: { completeJobBatchDelay: 0 } },
      events: observeJobs(metrics),
    });
    const sayGoodbye = await beatHeart(pool, scoped);
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
