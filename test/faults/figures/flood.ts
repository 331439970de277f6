import { parentPort, workerData } from "node:worker_threads";

import { closedLoad, makeSender } from "./load.ts";

/** What the thread is given: whose flood it is, where it goes, and from how many clients. */
export interface FloodData {
  url: string;
  headers: Record<string, string>;
  query: string;
  clients: number;
}

/**
 * A flood in a thread of its own, so that it slows down nobody who measures beside it: told milliseconds, it sends for so
 * long, as many requests at a time as there are clients, and tells how many got each status.
 */
const { url, headers, query, clients } = workerData as FloodData;
const sender = makeSender(url, headers);

parentPort?.on("message", async (milliseconds: number) => {
  if (milliseconds === 0) {
    sender.close();
    parentPort?.close();
    return;
  }
  const outcomes = await closedLoad(() => sender.send(query), clients, milliseconds);
  const counts: Record<number, number> = {};
  for (const { status } of outcomes) {
    counts[status] = (counts[status] ?? 0) + 1;
  }
  parentPort?.postMessage(counts);
});
