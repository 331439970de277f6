import type { Logger } from "pino";

import { type RunningSealer, startSealer } from "./audit/startSealer.ts";
import { type Config, loadConfig } from "./config.ts";
import { findLogin } from "./database/openDatabase.ts";
import { describeFailure } from "./describeFailure.ts";
import { startWorker } from "./jobs/startWorker.ts";
import { makeLogger } from "./logging.ts";
import { stopSignal } from "./stopSignal.ts";

/** Works off the queue, and seals the audit where it has the key. */
async function main(): Promise<void> {
  const stopped = stopSignal();
  const { config, url } = findLogin(loadConfig(), "app_worker");
  const logger = makeLogger(config);
  const worker = await startWorker(config, { url, logger });
  const sealer = sealerOf(config, logger);
  logger.info("The worker works");
  logger.info({ signal: await stopped }, "The worker stops");
  await Promise.all([worker.close(), sealer?.close()]);
}

function sealerOf(config: Config, logger: Logger): RunningSealer | undefined {
  if (config.audit.keyFolder === null) {
    logger.warn("The audit is not sealed by this worker: AUDIT_KEY_FOLDER is not set");
    return undefined;
  }
  return startSealer(config.audit, { url: findLogin(config, "app_sealer").url, logger });
}

await main().catch((error: unknown) => {
  process.stderr.write(`bailiwick: ${describeFailure(error)}\n`);
  process.exitCode = 2;
});
