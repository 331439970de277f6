import type { Logger } from "pino";

const CHECK_INTERVAL = 1_000;

export interface Supervised {
  isRunning: () => boolean;
  restart: () => Promise<void>;
}

/**
 * Looks once a second whether the server still runs and starts it anew if it was killed; connections are then made
 * again by their pools.
 *
 * @returns a function that ends the watch, after a restart that is under way.
 */
export function superviseServer({ isRunning, restart }: Supervised, logger: Logger): () => Promise<void> {
  let restarting: Promise<void> | undefined;
  const tryToRestart = async () => {
    logger.warn("The embedded Postgres was killed; starting it again");
    await restart().catch((error: unknown) =>
      logger.error({ err: error }, "The embedded Postgres does not start again"),
    );
    restarting = undefined;
  };
  const timer = setInterval(() => {
    if (restarting === undefined && !isRunning()) {
      restarting = tryToRestart();
    }
  }, CHECK_INTERVAL);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await restarting;
  };
}
