import { collectGarbage } from "./collectGarbage.ts";

/**
 * Preloaded into a process whose memory is measured: on SIGUSR2 it gives back what nobody holds, and tells in one line what
 * is left.
 */
/** Milliseconds. */
const PAUSE = 200;

process.on("SIGUSR2", () => {
  collectGarbage();
  // Buffers are given back a moment after their owners.
  setTimeout(() => {
    collectGarbage();
    const { heapUsed: heap, external, rss } = process.memoryUsage();
    process.stdout.write(`${JSON.stringify({ msg: "collected", heap, external, rss })}\n`);
  }, PAUSE).unref();
});
