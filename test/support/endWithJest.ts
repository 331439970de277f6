/**
 * Preloaded into Jest, and so into its workers: one that is in the middle of a test would otherwise go on without the Jest that
 * started it, for ever where it waits for a server that has gone. Jest itself has no channel, and nothing to end with.
 */
if (process.channel) {
  process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));
}
