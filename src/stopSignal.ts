/** npm hands on the signal that the terminal has already sent to the whole group: that is not impatience. */
const IMPATIENCE = 1_000;
const SHUTDOWN_LIMIT = 30_000;
const INTERRUPTED = 130;

/**
 * Waits for Ctrl-C, SIGTERM or the terminal's end. Call it before anything is started: a signal during the start is
 * kept. A second Ctrl-C, or a shutdown that takes more than half a minute, ends the process at once.
 */
export function stopSignal(): Promise<NodeJS.Signals> {
  let first: number | undefined;
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => {
        if (first === undefined) {
          first = Date.now();
          setTimeout(() => process.exit(INTERRUPTED), SHUTDOWN_LIMIT).unref();
          resolve(signal);
        } else if (Date.now() - first > IMPATIENCE) {
          process.exit(INTERRUPTED);
        }
      });
    }
  });
}
