import { randomUUID } from "node:crypto";

import type { Pool } from "pg";
import type { Logger } from "pino";

/** Milliseconds. */
const INTERVAL = 15_000;
const BEAT = "select app_hidden.beat_worker($1, $2)";

/**
 * Tells the database every 15 seconds that this worker is alive; gateways ask there (`/ready`), since they know of no worker.
 * A beat that fails is logged and not more: the next one may come through, and the work goes on.
 *
 * @returns what says goodbye, after which nobody misses this worker.
 */
export async function beatHeart(pool: Pool, logger: Logger): Promise<() => Promise<void>> {
  const workerId = randomUUID();
  const beat = (isLast: boolean) =>
    pool.query(BEAT, [workerId, isLast]).then(
      () => undefined,
      (error: unknown) => logger.warn({ err: error }, "The worker could not say that it is alive"),
    );
  await beat(false);
  const timer = setInterval(() => void beat(false), INTERVAL);
  return () => {
    clearInterval(timer);
    return beat(true);
  };
}
