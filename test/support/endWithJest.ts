/**
 * Preloaded into Jest, and so into its workers: one that is in the middle of a test would otherwise go on without the Jest that
 * started it, for ever where it waits for a server that has gone. Jest itself has no channel, and nothing to end with.
 */

/** Milliseconds. */
const INTERVAL = 500;

if (process.channel) {
  // Looked at, because a listener for the event would keep a worker from ending by itself.
  setInterval(() => {
    if (!process.connected) {
      process.kill(process.pid, "SIGKILL");
    }
  }, INTERVAL).unref();
}
