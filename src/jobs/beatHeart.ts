import type { Pool } from "pg";
import type { Logger } from "pino";

/** So many beats go missing before a worker counts as silent. */
const BEATS_IN_SILENCE = 6;
const BEAT = "select app_hidden.beat_worker($1, $2)";
const TAKE_OVER = `\
select jobs_taken as taken, jobs_parked as parked
from app_hidden.take_over_jobs(make_interval(secs => $1::float8))`;

export interface HeartOptions {
  /** Under which the queue knows this worker: the holder of its jobs' locks. */
  workerId: string;
  /** Milliseconds after which a worker that says nothing has lost its jobs. */
  silence: number;
  logger: Logger;
}

/**
 * Tells the database, six times in a silence, that this worker is alive, and takes over the jobs of those that are not: the
 * library would leave the jobs of a killed worker alone for four hours. Gateways ask there too (`/ready`), since they know of no
 * worker. A beat that fails is logged and not more: the next one may come through, and the work goes on.
 *
 * @returns what says goodbye, after which nobody misses this worker.
 */
export async function beatHeart(
  pool: Pool,
  { workerId, silence, logger }: HeartOptions,
): Promise<() => Promise<void>> {
  const attempt = (what: string, work: () => Promise<void>) =>
    work().catch((error: unknown) => logger.warn({ err: error }, `The worker could not ${what}`));
  const beat = (isLast: boolean) =>
    attempt("say that it is alive", async () => void (await pool.query(BEAT, [workerId, isLast])));
  const takeOver = () =>
    attempt("look for jobs of lost workers", async () => {
      const { rows } = await pool.query<{ taken: number; parked: number }>(TAKE_OVER, [silence / 1000]);
      const { taken = 0, parked = 0 } = rows[0] ?? {};
      if (taken > 0) {
        logger.warn({ jobs: taken }, "Jobs of a worker that fell silent were taken over");
      }
      if (parked > 0) {
        logger.error({ jobs: parked }, "Jobs that no worker has survived were parked");
      }
    });
  let beating = beat(false);
  await beating;
  const timer = setInterval(() => (beating = beat(false).then(takeOver)), silence / BEATS_IN_SILENCE);
  return async () => {
    clearInterval(timer);
    await beating;
    await beat(true);
  };
}
