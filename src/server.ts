import { loadConfig } from "./config.ts";
import { findLogin } from "./database/openDatabase.ts";
import { describeFailure } from "./describeFailure.ts";
import { startGateway } from "./gateway.ts";
import { makeLogger } from "./logging.ts";
import { stopSignal } from "./stopSignal.ts";
import { startTracing } from "./telemetry/tracing.ts";

/** Serves GraphQL and nothing else: the database is set up and migrated by `bailiwick migrate up`. */
async function main(): Promise<void> {
  const stopped = stopSignal();
  const { config, url } = findLogin(loadConfig(), "app_authenticator");
  const logger = makeLogger(config);
  const stopTracing = await startTracing(config.telemetry.traces);
  try {
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
});
