import cluster from "node:cluster";

import { loadConfig } from "./config.ts";
import { findLogin } from "./database/openDatabase.ts";
import { describeFailure } from "./describeFailure.ts";
import { makeLogger } from "./logging.ts";
import { stopSignal } from "./stopSignal.ts";

/** Serves GraphQL and nothing else: the database is set up and migrated by `bailiwick migrate up`. */
async function main(): Promise<void> {
  const stopped = stopSignal();
  const { config, url } = findLogin(loadConfig(), "app_authenticator");
  const logger = makeLogger(config);
  if (cluster.isPrimary && config.http.processes > 1) {
    const { superviseGateways } = await import("./processes/superviseGateways.ts");
    return superviseGateways(config.http, logger, stopped);
  }
  const { startTracing } = await import("./telemetry/tracing.ts");
  const stopTracing = await startTracing(config.telemetry.traces);
  try {
    if (cluster.isWorker) {
      const { serveSupervised } = await import("./processes/serveSupervised.ts");
      await serveSupervised(config, { url, logger }, stopped);
      return;
    }
    const { startGateway } = await import("./gateway.ts");
    const gateway = await startGateway(config, { url, logger });
    logger.info({ url: gateway.url, adminUrl: gateway.adminUrl }, "The gateway serves");
    logger.info({ signal: await stopped }, "The gateway stops");
    await gateway.close();
  } finally {
    await stopTracing();
  }
}

await main().catch((error: unknown) => {
  process.stderr.write(`bailiwick: ${describeFailure(error)}\n`);
  process.exitCode = 2;
  // One of several that could not start: the channel to the others would keep it alive.
  process.disconnect?.();
});
