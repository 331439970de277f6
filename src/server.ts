import { loadConfig } from "./config.ts";
import { isSchemaCurrent } from "./database/isSchemaCurrent.ts";
import { findLogin, findOwner } from "./database/openDatabase.ts";
import { describeFailure } from "./describeFailure.ts";
import { startGateway } from "./gateway.ts";
import type { ReadinessCheck } from "./http/adminServer.ts";
import { makeLogger } from "./logging.ts";
import { stopSignal } from "./stopSignal.ts";

/** Serves GraphQL and nothing else: the database is set up and migrated by `bailiwick migrate up`. */
async function main(): Promise<void> {
  const stopped = stopSignal();
  const given = loadConfig();
  const { config, url } = findLogin(given, "app_authenticator");
  const owner = findOwner(given);
  const checks: Record<string, ReadinessCheck> =
    owner === null ? {} : { migrations: () => isSchemaCurrent(owner) };
  const logger = makeLogger(config);
  const gateway = await startGateway(config, { url, logger, checks });
  logger.info({ url: gateway.url }, "The gateway serves");
  logger.info({ signal: await stopped }, "The gateway stops");
  await gateway.close();
}

await main().catch((error: unknown) => {
  process.stderr.write(`bailiwick: ${describeFailure(error)}\n`);
  process.exitCode = 2;
});
