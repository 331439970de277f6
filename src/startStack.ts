import type { Logger } from "pino";

import { startSealer } from "./audit/startSealer.ts";
import type { Config } from "./config.ts";
import type { DatabaseUrls } from "./database/databaseUrls.ts";
import { type RunningGateway, startGateway } from "./gateway.ts";
import { startWorker } from "./jobs/startWorker.ts";
import { ReleaseList } from "./ReleaseList.ts";
import { makeMetrics } from "./telemetry/metrics.ts";
import { startTracing } from "./telemetry/tracing.ts";

export interface RunningStack {
  gateway: RunningGateway;
  close(): Promise<void>;
}

/** The gateway, the worker and the audit's sealer in one process, on a database that is ready for them. */
export async function startStack(
  config: Config,
  { urls, logger }: { urls: Pick<DatabaseUrls, "gateway" | "worker" | "sealer">; logger: Logger },
): Promise<RunningStack> {
  const releases = new ReleaseList();
  try {
    releases.add(await startTracing(config.telemetry.traces));
    const metrics = makeMetrics();
    const worker = await startWorker(config, { url: urls.worker, logger, metrics });
    releases.add(worker.close);
    releases.add(startSealer(config, { url: urls.sealer, logger }).close);
    const checks = { worker: async () => worker.isRunning() };
    const gateway = await startGateway(config, { url: urls.gateway, logger, checks, metrics });
    releases.add(gateway.close);
    return { gateway, close: () => releases.releaseAll() };
  } catch (error) {
    await releases.releaseAll();
    throw error;
  }
}
