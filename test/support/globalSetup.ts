import { pino } from "pino";

import type { EmbeddedVersion } from "../../src/database/embedded/binaries.ts";
import { openThrowAwayDatabase } from "../../src/database/throwAway/openThrowAwayDatabase.ts";
import { isTestClusterPublished, publishTestCluster } from "./cluster.ts";

declare global {
  var stopTestCluster: (() => Promise<void>) | undefined;
}

/**
 * Starts the run's Postgres (TEST_POSTGRES_VERSION: 18 or 15) and migrates the template that test files clone. Whoever
 * publishes a server of their own, as `access mutate` does, keeps it.
 */
export default async function globalSetup(): Promise<void> {
  process.env.BAILIWICK_TEST_RUN = String(process.pid);
  if (isTestClusterPublished()) {
    return;
  }
  const database = await openThrowAwayDatabase(pino({ level: "silent" }), requestedVersion());
  globalThis.stopTestCluster = database.close;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    // When the prompt is back, the server is gone. Not `once`: a second signal must not end the wait for that.
    process.on(signal, () => void database.close().finally(() => process.exit(130)));
  }
  publishTestCluster(database);
}

function requestedVersion(): EmbeddedVersion {
  const version = process.env.TEST_POSTGRES_VERSION || "18";
  if (version !== "18" && version !== "15") {
    throw new Error(`TEST_POSTGRES_VERSION must be 18 or 15; got '${version}'`);
  }
  return Number(version) as EmbeddedVersion;
}
