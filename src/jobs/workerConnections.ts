import type { Config } from "../config.ts";

/** A job has a transaction, and tells of its progress in a second one meanwhile (export__write). */
const CONNECTIONS_PER_JOB = 2;
/** The listener, and the bookkeeping of the queue. */
const SPARE_CONNECTIONS = 2;

/** How many connections a worker opens at most: what it was given, or what its jobs need at the same time if that is more. */
export function workerConnections({ poolSize, concurrency }: Config["worker"]): number {
  return Math.max(poolSize, CONNECTIONS_PER_JOB * concurrency + SPARE_CONNECTIONS);
}
