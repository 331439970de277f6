import { setPriority } from "node:os";

import { closedLoad, makeSender } from "./load.ts";

/** What the process is given: whose flood it is, where it goes, and from how many clients. */
export interface FloodData {
  url: string;
  headers: Record<string, string>;
  query: string;
  clients: number;
}

/** How many requests got each status. */
export type Counts = Readonly<Record<string, number>>;

/** It comes from elsewhere: what it costs to send it is not what is measured. */
const LAST_TO_RUN = 19;

/**
 * A flood in a process of its own, so that it slows down nobody who measures beside it: told milliseconds, it sends for so
 * long, as many requests at a time as there are clients, and tells how many got each status. It ends with its parent.
 */
const { url, headers, query, clients } = JSON.parse(process.argv[2] ?? "") as FloodData;
const sender = makeSender(url, headers);
setPriority(LAST_TO_RUN);

process.on("message", async (milliseconds: number) => {
  const outcomes = await closedLoad(() => sender.send(query), clients, milliseconds);
  const counts: Record<string, number> = {};
  for (const { status } of outcomes) {
    counts[status] = (counts[status] ?? 0) + 1;
  }
  process.send?.(counts);
});
process.once("disconnect", () => sender.close());
