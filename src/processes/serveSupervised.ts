import type { Logger } from "pino";

import type { Config } from "../config.ts";
import { startGateway } from "../gateway.ts";
import { type AdminDependencies, makeReadiness } from "../http/adminServer.ts";
import { makeMetrics } from "../telemetry/metrics.ts";
import type { ProcessAnswers, Question, Report, Topic } from "./ProcessAnswers.ts";

/** One of several processes that serve together: its share of connections, and the port of all. Ends when `stopped` says so. */
export async function serveSupervised(
  config: Config,
  { url, logger }: { url: string; logger: Logger },
  stopped: Promise<unknown>,
): Promise<void> {
  const metrics = makeMetrics();
  const answerAdmin = (dependencies: AdminDependencies) => {
    const sources: { [Each in Topic]: () => Promise<ProcessAnswers[Each]> } = {
      readiness: makeReadiness(dependencies),
      metrics: metrics.values,
    };
    process.on("message", ({ id, topic }: Question) => {
      void sources[topic]()
        .catch(() => null)
        .then((answer) => report({ id, answer }));
    });
    return { url: "", close: async () => undefined };
  };
  const gateway = await startGateway(shareOf(config), { url, logger, metrics, answerAdmin });
  report({ serving: gateway.url });
  await stopped;
  await gateway.close();
  process.disconnect();
}

function report(message: Report): void {
  // Whoever supervises may have been killed; then this process ends too.
  process.send?.(message, undefined, undefined, () => undefined);
}

/** What one of the processes may have of what is configured for all. */
function shareOf(config: Config): Config {
  const { http, database } = config;
  const share = (whole: number) => Math.max(1, Math.floor(whole / http.processes));
  return {
    ...config,
    http: { ...http, sharesPort: true, maximumConcurrent: share(http.maximumConcurrent) },
    database: {
      ...database,
      gatewayPoolSize: share(database.gatewayPoolSize),
      gatewaySharedConnections: share(database.gatewaySharedConnections),
    },
  };
}
