/** Preloaded into processes that a test starts: however the test ends, they end with it, since their input does. */
process.stdin.resume().once("close", () => process.exit(1));
(process.stdin as unknown as { unref(): void }).unref();
