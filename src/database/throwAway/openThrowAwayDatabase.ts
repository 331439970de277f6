import type { Logger } from "pino";

import { parseConfig } from "../../config.ts";
import { databaseUrls } from "../databaseUrls.ts";
import type { EmbeddedVersion } from "../embedded/binaries.ts";
import { developmentSecrets } from "../embedded/secrets.ts";
import type { OpenDatabase } from "../openDatabase.ts";
import { prepareDatabase, type PrepareOptions } from "../prepareDatabase.ts";
import { startThrowAwayCluster } from "./startThrowAwayCluster.ts";

/**
 * A database that holds exactly what the repository's migrations make, the open one included unless told otherwise: for
 * tests, and for files that are generated from the schema. It is gone when it is closed, and when this process ends.
 *
 * @param options such as the folders of another state of the repository.
 */
export async function openThrowAwayDatabase(
  logger: Logger,
  version: EmbeddedVersion = 18,
  options: Partial<PrepareOptions> = {},
): Promise<OpenDatabase> {
  const { superuserUrl, dataDir, stop } = await startThrowAwayCluster(version);
  try {
    const { roleSecret, jwtSecret } = developmentSecrets(dataDir);
    const config = parseConfig({
      NODE_ENV: "test",
      DATABASE_URL: superuserUrl,
      DATA_DIR: dataDir,
      ROLE_SECRET: roleSecret,
      JWT_SECRET: jwtSecret,
      LOG_LEVEL: "silent",
    });
    const urls = databaseUrls(config.database, superuserUrl);
    await prepareDatabase({ config, urls }, logger, { includeCurrent: true, ...options });
    return { config, urls, close: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
