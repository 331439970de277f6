/**
 * Preloaded into processes that a test starts: however the test ends, they end with it, since their input does. By a signal:
 * an exit in the middle of a start can wait for ever for a thread of its own.
 */
process.stdin.resume().once("close", () => process.kill(process.pid, "SIGKILL"));
(process.stdin as unknown as { unref(): void }).unref();
