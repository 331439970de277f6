import { Counter } from "prom-client";

import type { Replica } from "../database/replicas/Replica.ts";
import type { FallbackReason } from "../database/replicas/ReplicaReads.ts";
import type { ReadinessCheck } from "../http/adminServer.ts";
import type { Metrics } from "./metrics.ts";

/** What is told of reads that a replica could answer. */
export interface ReplicaEvents {
  onRead(target: "primary" | "replica"): void;
  /** Besides, why it was not a replica. */
  onFallback(reason: FallbackReason): void;
}

export function countReplicaReads({ registry }: Metrics): ReplicaEvents {
  const registers = [registry];
  const reads = new Counter({
    name: "bailiwick_reads_total",
    help: "Reads of queries where there are replicas, by what answered.",
    labelNames: ["target"],
    registers,
  });
  const fallbacks = new Counter({
    name: "bailiwick_replica_fallbacks_total",
    help: "Reads that the primary answered although there are replicas.",
    labelNames: ["reason"],
    registers,
  });
  return {
    onRead: (target) => reads.inc({ target }),
    onFallback: (reason) => fallbacks.inc({ reason }),
  };
}

/** Registers what is read when somebody looks, and gives the check that all of them keep up. */
export function observeReplicas(
  metrics: Metrics,
  replicas: readonly Replica[],
): { replicas: ReadinessCheck } {
  metrics.observeEach("bailiwick_replicas", "Replicas, by whether they get reads.", "state", async () => {
    const counts = { ready: 0, behind: 0, lost: 0 };
    replicas.forEach(({ state }) => counts[state]++);
    return counts;
  });
  metrics.observeEach(
    "bailiwick_replica_lag_seconds",
    "For how long a replica has not had what the primary had.",
    "replica",
    async () => Object.fromEntries(replicas.map(({ lagSeconds }, index) => [index + 1, lagSeconds])),
    "max",
  );
  return { replicas: async () => replicas.every(({ state }) => state === "ready") };
}
