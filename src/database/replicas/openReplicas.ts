import { setTimeout as sleep } from "node:timers/promises";

import type { Pool } from "pg";

import type { ReleaseList } from "../../ReleaseList.ts";
import type { Metrics } from "../../telemetry/metrics.ts";
import { countReplicaReads } from "../../telemetry/observeReplicas.ts";
import type { OpenPool } from "../openRequestPools.ts";
import { makeRunExclusive, type RequestConnectionParts } from "../requestConnections.ts";
import type { ReplicasConfig } from "./parseReplicas.ts";
import { PrimaryPosition } from "./PrimaryPosition.ts";
import { Replica, type ReplicaStatus } from "./Replica.ts";
import { ReplicaReads } from "./ReplicaReads.ts";
import { parseWalPosition } from "./walPosition.ts";

interface OpenReplicasParts {
  /** The primary. */
  url: string;
  metrics: Metrics;
  releases: ReleaseList;
  open: OpenPool;
  /** Opens what reads run on at a replica. */
  openReads: (url: string) => RequestConnectionParts;
}

/** Milliseconds between two comparisons of each replica with the primary. */
const COMPARE_INTERVAL = 500;
/** Milliseconds after which a server that does not say where it is counts as lost. */
const ANSWER_DEADLINE = 2_000;

/**
 * What is confirmed is flushed, except where the server confirms earlier. What is written and not flushed is of
 * transactions that go on: a replica cannot have it, and nobody sees it.
 */
const PRIMARY_POSITION = `\
select (case current_setting('synchronous_commit') when 'off' then pg_catalog.pg_current_wal_insert_lsn()
  else pg_catalog.pg_current_wal_flush_lsn() end)::text as position,
  (select system_identifier::text from pg_catalog.pg_control_system()) as cluster`;
const REPLICA_STATUS = `\
select pg_catalog.pg_is_in_recovery() as follows, pg_catalog.pg_last_wal_replay_lsn()::text as replayed,
  (select system_identifier::text from pg_catalog.pg_control_system()) as cluster`;

/** Null where none is configured. */
export function openReplicas(
  { urls, patience, staleness }: ReplicasConfig,
  { url, metrics, releases, open, openReads }: OpenReplicasParts,
): ReplicaReads | null {
  if (urls.length === 0) {
    return null;
  }
  const openPosition = (at: string) =>
    open(at, { max: 1, applicationName: "bailiwick-position", statementDeadline: ANSWER_DEADLINE });
  const ours = { cluster: "" };
  const primary = new PrimaryPosition(makeReadPrimary(openPosition(url), ours));
  const replicas = urls.map((replicaUrl) => {
    const reads = openReads(replicaUrl);
    const runExclusive = makeRunExclusive(reads);
    const positions = openPosition(replicaUrl);
    const replica = new Replica({
      readStatus: () => readReplica(positions, ours.cluster),
      runStatement: async (settings, statement) =>
        (await reads.shortReads.tryRun(settings, statement)) ?? runExclusive(settings, statement),
      patience,
    });
    // It may have been started again since, and have less than it had.
    positions.on("remove", () => replica.lose());
    return replica;
  });
  releases.add(keepComparing(replicas, primary));
  return new ReplicaReads({
    replicas,
    primary,
    staleness,
    ...countReplicaReads(metrics),
  });
}

function makeReadPrimary(pool: Pool, ours: { cluster: string }) {
  return async (): Promise<bigint> => {
    const { rows } = await pool.query<{ position: string; cluster: string }>(PRIMARY_POSITION);
    const [row] = rows;
    ours.cluster = row?.cluster ?? "";
    const position = parseWalPosition(row?.position ?? "");
    if (position === null) {
      throw new Error("The primary does not say where its log ends");
    }
    return position;
  };
}

async function readReplica(pool: Pool, cluster: string): Promise<ReplicaStatus> {
  const { rows } = await pool.query<{ follows: boolean; replayed: string | null; cluster: string }>(
    REPLICA_STATUS,
  );
  const [row] = rows;
  const isOurs = row?.follows === true && row.cluster === cluster;
  return { replayed: isOurs ? parseWalPosition(row.replayed ?? "") : null };
}

/** @returns ends it; resolves when nothing is asked any more. */
function keepComparing(replicas: readonly Replica[], primary: PrimaryPosition): () => Promise<void> {
  const ending = new AbortController();
  const compareAll = async () => {
    const time = performance.now();
    const position = await primary.after(time);
    await Promise.all(replicas.map((replica) => replica.compare(position, time)));
  };
  const run = async () => {
    while (!ending.signal.aborted) {
      // A primary that is away is told by the readiness check.
      await compareAll().catch(() => undefined);
      await sleep(COMPARE_INTERVAL, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  };
  const running = run();
  return async () => {
    ending.abort();
    await running;
  };
}
