import { startRetention } from "./audit/startRetention.ts";
import { startSealer } from "./audit/startSealer.ts";
import { loadConfig } from "./config.ts";
import { findLogin } from "./database/openDatabase.ts";
import { describeFailure } from "./describeFailure.ts";
import { startAdminServer } from "./http/adminServer.ts";
import { startWorker } from "./jobs/startWorker.ts";
import { makeLogger } from "./logging.ts";
import { ReleaseList } from "./ReleaseList.ts";
import { stopSignal } from "./stopSignal.ts";
import { makeMetrics } from "./telemetry/metrics.ts";
import { startTracing } from "./telemetry/tracing.ts";

/** Works off the queue, and seals the audit where it has the key. */
async function main(): Promise<void> {
  const stopped = stopSignal();
  const { config, url } = findLogin(loadConfig(), "app_worker");
  const logger = makeLogger(config);
  const releases = new ReleaseList();
  try {
    releases.add(await startTracing(config.telemetry.traces));
    const metrics = makeMetrics();
    const worker = await startWorker(config, { url, logger, metrics });
    releases.add(worker.close);
    if (config.audit.keyFolder === null) {
      logger.warn("The audit is not sealed by this worker: AUDIT_KEY_FOLDER is not set");
    } else {
      const sealer = { url: findLogin(config, "app_sealer").url, logger };
      releases.add(startSealer(config, sealer).close);
      releases.add(startRetention(config.audit, sealer));
    }
    const admin = await startAdminServer(
      { host: config.http.host, port: config.worker.adminPort },
      { checks: { worker: async () => worker.isRunning() }, metrics: metrics.text },
    );
    releases.add(admin.close);
    logger.info({ url: admin.url }, "The worker works");
    logger.info({ signal: await stopped }, "The worker stops");
  } finally {
    await releases.releaseAll();
  }
}

await main().catch((error: unknown) => {
  process.stderr.write(`bailiwick: ${describeFailure(error)}\n`);
  process.exitCode = 2;
});
