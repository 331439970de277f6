import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * Preloaded into a process whose memory is measured: on SIGUSR2 it gives back what nobody holds, and tells in one line what
 * is left. Without it, a measurement is mostly of what the collector has not come to yet.
 */
setFlagsFromString("--expose-gc");
/** Milliseconds. */
const PAUSE = 200;
const collect = runInNewContext("gc") as () => void;

process.on("SIGUSR2", () => {
  collect();
  // Buffers are given back a moment after their owners.
  setTimeout(() => {
    collect();
    const { heapUsed: heap, external, rss } = process.memoryUsage();
    process.stdout.write(`${JSON.stringify({ msg: "collected", heap, external, rss })}\n`);
  }, PAUSE).unref();
});
