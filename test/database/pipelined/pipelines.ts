import { pino } from "pino";
import type { NodePostgresPgClient } from "postgraphile/@dataplan/pg/adaptors/pg";

import { pgSettings } from "../../../src/auth/pgSettings.ts";
import { loadConfig } from "../../../src/config.ts";
import { openRequestPools, type RequestPools } from "../../../src/database/openRequestPools.ts";
import type { Statement } from "../../../src/database/pipelined/BatchQuery.ts";
import { makeRequestConnections } from "../../../src/database/requestConnections.ts";
import { ReleaseList } from "../../../src/ReleaseList.ts";
import { makeMetrics } from "../../../src/telemetry/metrics.ts";
import type { Actor, TestDatabase } from "../../support/database.ts";

export interface Pipelines {
  /** One statement as a person, or without a token, as a request would send it; its rows. */
  run(actor: Actor | null, statement: Statement, extra?: Record<string, string>): Promise<readonly unknown[]>;
  /** The same after the statement was run once: then it is known to be short, and shares a connection. */
  runShared(actor: Actor | null, statement: Statement): Promise<readonly unknown[]>;
  withClient<T>(actor: Actor | null, work: (client: NodePostgresPgClient) => Promise<T>): Promise<T>;
  pools(): RequestPools;
}

export interface PipelineOptions {
  sharedConnections?: number;
  preparedLimit?: number;
  poolSize?: number;
  /** Instead of the gateway's connection, for example through a pooler. */
  url?: () => string;
}

/** Milliseconds: tests send more at once than a gateway would let wait. */
const PATIENCE = 30_000;
const NOWHERE = { organizationId: null, clinicId: null, purposeOfUse: null };

/** Requests over a few connections; closed when the test's database is dropped. */
export function usePipelines(
  db: TestDatabase,
  { sharedConnections = 2, preparedLimit = 50, poolSize = 10, url }: PipelineOptions = {},
): Pipelines {
  const releases = new ReleaseList();
  let opened: RequestPools | undefined;
  const pools = () =>
    (opened ??= openRequestPools(
      {
        ...loadConfig().database,
        gatewayPoolSize: poolSize,
        gatewayPoolWait: PATIENCE,
        gatewaySharedConnections: sharedConnections,
        preparedStatements: preparedLimit,
      },
      {
        url: url?.() ?? db.urls.gateway,
        logger: pino({ level: "silent" }),
        metrics: makeMetrics(),
        releases,
      },
    ));
  db.beforeDrop(() => releases.releaseAll());
  const withClient = async <T>(
    actor: Actor | null,
    work: (client: NodePostgresPgClient) => Promise<T>,
    extra: Record<string, string> = {},
  ): Promise<T> =>
    makeRequestConnections(pools().requests).createWithPgClient()({ ...settingsOf(actor), ...extra }, work);
  const run: Pipelines["run"] = (actor, statement, extra) =>
    withClient(
      actor,
      async (client) =>
        (await client.query({ ...statement, values: [...(statement.values ?? [])] } as never)).rows,
      extra,
    );
  const runShared: Pipelines["runShared"] = (actor, statement) => {
    pools().requests.shortReads.record(statement.name, 1);
    return run(actor, statement);
  };
  return { withClient, run, runShared, pools };
}

function settingsOf(actor: Actor | null): Record<string, string> {
  const claims = actor && {
    ...actor,
    organizationId: null,
    clinicId: null,
    expiresAt: Math.floor(Date.now() / 1000) + 600,
  };
  return { ...pgSettings(claims, NOWHERE, "test") };
}
