import type { Logger } from "pino";

import type { Config } from "./config.ts";
import type { DatabaseUrls } from "./database/databaseUrls.ts";
import { type RunningGateway, startGateway } from "./gateway.ts";
import { startWorker } from "./jobs/startWorker.ts";
import { ReleaseList } from "./ReleaseList.ts";

export interface RunningStack {
  gateway: RunningGateway;
  close(): Promise<void>;
}

/** The gateway and the worker in one process, on a database that is ready for them. */
export async function startStack(
  config: Config,
  { urls, logger }: { urls: Pick<DatabaseUrls, "gateway" | "worker">; logger: Logger },
): Promise<RunningStack> {
  const releases = new ReleaseList();
  try {
    const worker = await startWorker(config, { url: urls.worker, logger });
    releases.add(worker.close);
    const checks = { worker: async () => worker.isRunning() };
    const gateway = await startGateway(config, { url: urls.gateway, logger, checks });
    releases.add(gateway.close);
    return { gateway, close: () => releases.releaseAll() };
  } catch (error) {
    await releases.releaseAll();
    throw error;
  }
}
