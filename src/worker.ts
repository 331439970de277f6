import { loadConfig } from "./config.ts";
import { findLogin } from "./database/openDatabase.ts";
import { describeFailure } from "./describeFailure.ts";
import { startWorker } from "./jobs/startWorker.ts";
import { makeLogger } from "./logging.ts";
import { stopSignal } from "./stopSignal.ts";

/** Works off the queue and nothing else. */
async function main(): Promise<void> {
  const stopped = stopSignal();
  const { config, url } = findLogin(loadConfig(), "app_worker");
  const logger = makeLogger(config);
  const worker = await startWorker(config, { url, logger });
  logger.info("The worker works");
  logger.info({ signal: await stopped }, "The worker stops");
  await worker.close();
}

await main().catch((error: unknown) => {
  process.stderr.write(`bailiwick: ${describeFailure(error)}\n`);
  process.exitCode = 2;
});
